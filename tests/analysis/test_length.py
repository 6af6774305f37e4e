"""Effective lengths of matrices and of stores that can be worked out."""

import numpy as np
import pytest
from tests.synthetic import make_record

from nnarena.analysis.frame import runs_frame
from nnarena.analysis.intervals import Interval
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.length import (
    effective_interval,
    effective_length,
    length_curves,
)
from nnarena.analysis.text import effective_lengths


LENGTHS = np.array([10.0, 20.0, 40.0, 80.0])


@pytest.mark.parametrize(
    ("margins", "expected"),
    [
        ([0.1, 0.1, 0.1, 0.0], 80.0),
        ([0.1, 0.1, -0.1, -0.2], 20.0),
        ([0.1, -0.1, 0.1, 0.1], 10.0),
        ([-0.1, 0.1, 0.1, 0.1], 0.0),
    ],
)
def test_the_score_has_to_stay_above_the_bar(margins, expected):
    assert effective_length(np.array([margins]), LENGTHS) == expected


def test_the_interval_is_that_of_the_means():
    """At 20 the interval of the mean holds the bar, at 40 it lies below."""
    bars = np.full(3, 0.9)
    ends = [Interval(0.95, 0.99), Interval(0.8, 0.95), Interval(0.2, 0.6)]
    assert effective_interval(ends, bars, LENGTHS[:3]) == Interval(10.0, 20.0)
    assert effective_interval([ends[0], None], bars[:2], LENGTHS[:2]) is None


def records(model: str, scores: dict[int, float], **numbers):
    """Three runs at each length, a little apart."""
    return [
        make_record(
            model,
            "copy",
            seed,
            score=score - 0.002 * seed,
            task_settings={"length": n, **numbers},
        )
        for n, score in scores.items()
        for seed in range(3)
    ]


def test_curves_of_a_store():
    store = [
        *records("gru", {20: 1.0, 40: 0.95, 80: 0.5}),
        *records("lstm", {20: 1.0, 40: 1.0, 80: 0.95}),
        *records("elman", {20: 0.2, 40: 0.95}),
        *records("ncp", {20: 1.0}),
    ]
    found = {c.contender: c for c in length_curves(runs_frame(store))}
    assert {name: c.effective for name, c in found.items()} == {
        "gru": 40.0,
        "lstm": 80.0,
        "elman": 0.0,
    }
    assert found["lstm"].at_least
    assert not found["gru"].at_least
    assert found["gru"].interval == Interval(40.0, 40.0)
    assert [p.length for p in found["gru"].points] == [20.0, 40.0, 80.0]
    assert found["gru"].points[1].task == "copy (length=40)"
    assert (found["gru"].points[0].runs, found["gru"].points[0].solved) == (3, 3)
    assert found["gru"].length_name == "length"


def test_the_leaderboard_says_how_far_each_gets():
    store = [*records("gru", {20: 1.0, 40: 0.5}), *records("lstm", {20: 1.0, 40: 1.0})]
    store += records("elman", {20: 0.2, 40: 0.2})
    (told,) = effective_lengths(leaderboard(runs_frame(store)))
    assert "gru 20 [20, 20]‡" in told
    assert "lstm at least 40 [40, 40]‡" in told
    assert "elman none from 20 on [0, 0]‡" in told


def test_an_interval_that_rests_on_runs_of_one_level_is_marked():
    """Not where some contender's runs split, whose intervals know of both ends."""
    store = records("gru", {20: 1.0, 40: 0.5})
    (curve,) = length_curves(runs_frame(store))
    assert curve.one_level
    assert [point.one_level for point in curve.points] == [True, True]
    ends = [
        make_record("lstm", "copy", seed, score=score, task_settings={"length": n})
        for n in (20, 40)
        for seed, score in enumerate((1.0, 0.2, 0.99))
    ]
    curves = length_curves(runs_frame([*store, *ends]))
    assert [curve.one_level for curve in curves] == [False, False]


def test_tasks_that_differ_in_more_than_length_share_no_curve():
    store = [
        *records("gru", {20: 1.0}, digits=3),
        *records("gru", {40: 1.0}, digits=4),
    ]
    assert length_curves(runs_frame(store)) == ()


def test_a_diverged_run_counts_as_blind():
    store = records("gru", {20: 1.0, 40: 1.0})
    ghost = make_record(
        "gru", "copy", 9, outcome="diverged", task_settings={"length": 40}
    )
    (curve,) = length_curves(runs_frame([*store, ghost]))
    assert curve.points[1].mean == pytest.approx(0.7483, abs=1e-4)
    assert curve.effective == 20.0
