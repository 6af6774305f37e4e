"""Resolving power against statsmodels and by running the very tests it speaks of."""

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower
from tests.analysis.simulated import beats

from nnarena.analysis.pairs import superiority, superiority_test
from nnarena.analysis.power import (
    detectable_shift,
    pooled_spread,
    resolution,
    superiority_difference,
)
from nnarena.analysis.scores import Scores


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("level", [0.05, 0.05 / 3])
@pytest.mark.parametrize("runs", [3, 5, 10])
def test_the_t_test_of_two_groups_is_that_of_statsmodels(runs, level):
    oracle = TTestIndPower().solve_power(nobs1=runs, alpha=level, power=0.8)
    shift = detectable_shift(2.0 * (runs - 1), level=level)
    assert shift * np.sqrt(2 / runs) == pytest.approx(oracle, rel=2e-5)


def test_what_a_verdict_takes_by_simulation():
    """Small spread: what keeps a pair from being told apart is what has not come."""
    for spread in (0.02, 0.2):
        draws = spread * rng().normal(size=(800, 2, 5, 3))
        found = resolution(Scores(("a", "b"), ("x", "y", "z"), draws[0]), rng())
        assert found is not None
        assert found.overall is not None
        # The spread that it knows is that of one store.
        middle = draws[0].mean()
        draws = middle + draws * found.spread / spread
        draws += np.array([0.5, -0.5])[:, None, None] * found.overall
        assert np.mean(beats(draws) > 0) == pytest.approx(0.8, abs=0.06)


def test_better_on_a_task_by_simulation():
    gap, source = superiority_difference(0.3, 8, rng()), np.random.default_rng(9)
    assert gap is not None
    draws = 0.3 * source.normal(size=(1_500, 2, 8))
    shares = [superiority(first + gap, second) for first, second in draws]
    found = [superiority_test(share, 8, 8) < 0.05 for share in shares]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)


def test_what_so_few_runs_cannot_find():
    assert superiority_difference(0.1, 5, rng()) is None
    assert superiority_difference(0.1, 6, rng()) is not None
    assert superiority_difference(0.1, 9, rng(), level=0.05 / 15) is None
    assert superiority_difference(0.1, 10, rng(), level=0.05 / 15) is not None


def test_more_of_everything_resolves_more():
    def least(contenders: int, runs: int, tasks: int) -> float:
        values = 0.5 + 0.05 * rng().normal(size=(contenders, runs, tasks))
        asked = tuple(f"t{n}" for n in range(tasks))
        floors = dict.fromkeys(asked, 0.0)
        names = tuple("abcdef"[:contenders])
        found = resolution(Scores(names, asked, values, floors=floors), rng())
        assert found is not None
        assert found.overall_any_pair is not None
        return found.overall_any_pair

    assert least(2, 10, 3) < least(2, 5, 3) < least(6, 5, 3)
    assert least(2, 5, 6) < least(2, 5, 3)


def test_what_lies_off_the_scale_cannot_be_found():
    """One task, five seeds, fifteen pairs: ends that have not come reach too far."""
    values = 0.5 + 0.01 * rng().normal(size=(6, 5, 1))
    found = resolution(Scores(tuple("abcdef"), ("copy",), values), rng())
    assert found is not None
    assert found.overall_any_pair is None
    assert found.sentence.endswith("as these do on average: that takes more seeds.")


def test_the_pooled_spread_of_a_four_by_two_matrix():
    values = np.array([[[0.0, 1.0], [0.2, 1.0], [0.4, 1.0], [0.6, 1.0]]])
    # Squares 0.2 about the mean 0.3, and none: 0.2 / (3 + 3).
    spread = pooled_spread(Scores(("gru",), ("copy", "add"), values))
    assert spread == pytest.approx(np.sqrt(0.2 / 6))
    assert pooled_spread(Scores(("gru",), ("copy", "add"), values[:, :1])) is None


def test_the_sentence_names_the_design():
    values = rng().normal(0.5, 0.1, size=(6, 5, 3))
    names = tuple("abcdef"), ("copy", "add", "recall")
    found = resolution(Scores(*names, values), rng())
    assert found is not None
    assert found.sentence.startswith("With 6 contenders, 3 tasks and 5 seeds the small")
    assert f"is {found.overall_any_pair:.2g} in the overall score" in found.sentence
    assert "tasks at once, none, however large: that takes 11" in found.sentence
    assert resolution(Scores(*names, values[:, :1]), rng()) is None
    ten = rng().normal(0.5, 0.1, size=(6, 12, 3))
    finer = resolution(Scores(*names, ten), rng())
    assert finer is not None
    assert finer.one_task is not None
    assert f"and {finer.one_task:.2g} on one task" in finer.sentence


def test_the_sentence_contradicts_no_verdict():
    """Where no pair can be told, or only some, nothing is said of a difference."""
    values = rng().normal(0.5, 0.1, size=(3, 5, 2))
    names = tuple("abc"), ("copy", "add")
    three = resolution(Scores(*names, values[:, :3]), rng())
    assert three is not None
    assert three.overall is None
    assert three.sentence.endswith("can be told from chance: that takes 5 seeds.")
    uneven = values.copy()
    uneven[2, 1:] = np.nan  # one contender has a single seed
    assert resolution(Scores(*names, uneven), rng()) is None
    assert resolution(Scores(*names, np.full_like(values, 0.5)), rng()) is None
    apart = values.copy()
    apart[0, :, 0] = apart[1, :, 1] = apart[2] = np.nan  # no task in common
    assert resolution(Scores(*names, apart), rng()) is None
    one = resolution(Scores(names[0], ("copy",), values[..., :1]), rng())
    assert one is not None
    assert "on one task" not in one.sentence
    split = resolution(Scores(*names, values, frozenset({"copy"})), rng())
    assert split is not None
    assert split.sentence.endswith("it takes a larger one.")
