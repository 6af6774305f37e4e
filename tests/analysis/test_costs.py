"""Fronts drawn by hand, and what is said of a cost that nobody recorded."""

import numpy as np
from tests.synthetic import make_record

from nnarena.analysis.costs import COSTS, cost_table, pareto_front
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.leaderboard import leaderboard


def test_a_front_by_hand():
    scores = np.array([0.9, 0.8, 0.8, 0.5, 0.5, 0.95])
    costs = np.array([10.0, 5.0, 6.0, 1.0, 1.0, np.nan])
    np.testing.assert_array_equal(
        pareto_front(scores, costs), [True, True, False, True, True, False]
    )


def test_nobody_on_a_front_dominates_and_everybody_else_is_dominated():
    rng = np.random.default_rng(0)
    scores, costs = rng.integers(0, 6, size=(2, 40)) * 1.0
    front = pareto_front(scores, costs)
    for place in range(40):
        beaten = any(
            scores[i] >= scores[place]
            and costs[i] <= costs[place]
            and (scores[i], costs[i]) != (scores[place], costs[place])
            for i in range(40)
        )
        assert front[place] == (not beaten)


def test_the_costs_of_a_store():
    records = [
        make_record(model, task, seed, score=score, seconds=seconds, width=width)
        for model, score, seconds, width in [
            ("gru", 0.9, 20.0, 32),
            ("lstm", 0.8, 40.0, 16),
            ("elman", 0.7, 60.0, 64),
        ]
        for task in ("copy", "recall")
        for seed in range(3)
    ]
    frame = runs_frame([*records, make_record("ncp", "copy")])
    frame.loc[frame.contender == "elman", "state_size"] = np.nan
    table = cost_table(frame)
    assert [price.contender for price in table.prices] == ["elman", "gru", "lstm"]
    assert table.prices[1].costs["seconds_per_step"] == 20.0 / 2000
    assert table.fronts["seconds_per_step"] == ("gru",)
    assert table.fronts["parameters"] == ("lstm", "gru")
    assert table.fronts["state_size"] == ("gru",)
    assert table.missing == {"state_size": ("elman",)}


def test_the_order_of_the_runs_decides_no_front():
    """What the process took at most holds a compiler, where it had to compile."""
    records = [
        make_record(model, peak_bytes=peak)
        for model, peak in (("gru", 820 * 2**20), ("lstm", 380 * 2**20))
    ]
    frame = runs_frame(records)
    assert cost_table(frame).fronts.keys() == COSTS.keys()
    frame["peak_bytes"] = frame["peak_bytes"].to_numpy()[::-1]
    assert cost_table(frame) == cost_table(runs_frame(records))
    told = [standing.program_bytes for standing in leaderboard(frame).standings]
    assert told == [20_000_000] * 2
