"""Intervals of means against scipy, statsmodels and worked examples."""

import math

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.proportion import proportion_confint

from nnarena.analysis.intervals import (
    Ends,
    Interval,
    Moments,
    cell_interval,
    mean_interval,
    moments,
    unseen_shift,
    weighted_ends,
    widest,
    wilson,
    within,
)


def sample(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 0.1, size=size)


def ends_of(values: np.ndarray, weights: np.ndarray, split: np.ndarray, **options):
    cells = Moments(*(part[None] for part in moments(values)))
    return weighted_ends(cells, weights[None], split[None], **options).at(0)


@pytest.mark.parametrize("runs", [2, 5, 20])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_a_cell_has_student_s_interval(runs, confidence):
    own = sample(runs)
    oracle = stats.t.interval(confidence, runs - 1, own.mean(), stats.sem(own))
    found = cell_interval(own, confidence=confidence)
    assert found == pytest.approx(oracle)


@pytest.mark.parametrize("sizes", [(5, 5), (5, 8), (3, 20)])
def test_a_difference_has_welch_s_interval(sizes):
    first, second = sample(sizes[0]), sample(sizes[1], 1) * 3
    values = np.full((max(sizes), 2), np.nan)
    values[: sizes[0], 0], values[: sizes[1], 1] = first, second
    oracle = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    found = ends_of(values, np.array([1.0, -1.0]), np.zeros(2, bool))
    assert found == pytest.approx((oracle.low, oracle.high))


def test_a_mean_over_tasks_has_satterthwaite_s_freedom():
    matrix = np.stack([sample(5), 4 * sample(5, 1)], axis=1)
    parts = matrix.var(axis=0, ddof=1) / 5 / 4
    freedom = parts.sum() ** 2 / (parts**2 / 4).sum()
    half = stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum())
    center = matrix.mean()
    found = mean_interval(matrix, np.zeros(2, bool))
    assert found == pytest.approx((center - half, center + half))


@pytest.mark.parametrize("solved", [0, 3, 50, 100])
def test_one_all_or_none_cell_is_agresti_and_coull_s(solved):
    """Which adds two of each; with many runs Student's t is the normal distribution."""
    runs = (np.arange(1000) < 10 * solved).astype(float)
    oracle = proportion_confint(10 * solved, 1000, method="agresti_coull")
    assert cell_interval(runs, split=True) == pytest.approx(oracle, abs=1e-3)


def test_all_or_none_cells_share_what_is_added():
    """Five of five and none of five: one run of each kind for each (Agresti, Caffo)."""
    values = np.stack([np.ones(5), np.zeros(5)], axis=1)
    share, error = 6 / 7, np.sqrt(2 * (6 / 7) * (1 / 7) / 6)
    half = stats.t.ppf(0.975, 12) * error
    found = ends_of(values, np.array([1.0, -1.0]), np.ones(2, bool))
    assert found == pytest.approx((2 * share - 1 - half, 2 * share - 1 + half))


def test_runs_that_say_nothing_of_others_have_no_interval():
    assert cell_interval(np.array([0.3])) is None
    assert cell_interval(np.array([0.3, np.nan])) is None
    assert cell_interval(np.full(5, 1 / 3)) is None
    assert mean_interval(np.full((5, 2), 0.7), np.zeros(2, bool)) is None
    lonely = np.array([[0.1, 0.2], [0.3, np.nan]])
    assert mean_interval(lonely, np.zeros(2, bool)) is None
    assert mean_interval(lonely, np.ones(2, bool)) is None


def test_five_equal_runs_of_an_all_or_none_task_are_not_certain():
    found = cell_interval(np.ones(5), split=True)
    assert found is not None
    assert found.low < 0.6


def test_cells_without_weight_play_no_part():
    values = np.stack([sample(5), np.full(5, np.nan), sample(5, 1)], axis=1)
    weights, split = np.array([0.5, 0.0, 0.5]), np.array([False, True, False])
    alone = mean_interval(values[:, [0, 2]], np.zeros(2, bool))
    assert ends_of(values, weights, split) == pytest.approx(alone)


def test_means_end_where_scores_do():
    assert within(Interval(-3.0, 2.2), -0.4, -1.0, 1.0) == Interval(-1.0, 1.0)
    assert within(Interval(-1.5, 7.0), 0.4, -1.0, 1.0) == Interval(-1.0, 1.0)
    assert within(Interval(0.2, 0.4), 0.3, -1.0, 1.0) == Interval(0.2, 0.4)
    assert within(Interval(-0.25, 0.25), 0.0, 0.0, math.inf) == Interval(0.0, 0.25)
    assert within(None, 0.0, -1.0, 1.0) is None


def test_a_mean_off_the_scale_shows_that_it_goes_on():
    assert within(Interval(0.98, 1.12), 1.05, 0.0, 1.0) == Interval(0.98, 1.12)
    assert within(Interval(-0.5, 0.3), -0.1, 0.0, 1.0) == Interval(-0.5, 0.3)


@pytest.mark.parametrize("runs", [1, 5, 15, 60])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_what_the_runs_of_a_cell_miss_is_that_of_clopper_and_pearson(runs, confidence):
    oracle = stats.binomtest(0, runs).proportion_ci(confidence, method="exact").high
    counts = np.array([float(runs), 3.0])
    found = unseen_shift(np.array([1.7, 0.0]), counts, confidence)
    assert found == pytest.approx(1.7 * oracle)
    assert unseen_shift(np.zeros(2), counts, confidence) == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_what_the_runs_of_all_cells_miss_moves_their_sum_furthest(seed):
    """Against an optimizer, over shares that all runs miss with chance 0.025."""
    rng = np.random.default_rng(seed)
    shifts, runs = rng.uniform(0, 1, (2, 4)), rng.integers(1, 9, (2, 4)) * 1.0
    found = unseen_shift(shifts, runs)
    for own, counts, ours in zip(shifts, runs, found, strict=True):

        def spared(x: np.ndarray, own=own) -> float:
            return float((own * np.exp(-x)).sum())

        budget = {"type": "eq", "fun": lambda x, n=counts: n @ x + np.log(0.025)}
        start = np.full(4, -np.log(0.025) / counts.sum())
        best = optimize.minimize(
            spared, start, bounds=[(0, None)] * 4, constraints=[budget], tol=1e-10
        )
        assert ours == pytest.approx(own.sum() - best.fun, abs=1e-6)


def test_the_widest_of_several_intervals_leaves_none_out():
    ends = Ends(np.array([0.1, np.nan, 0.3]), np.array([0.5, np.nan, 0.5]))
    low, high = widest(ends, Ends(np.full(3, 0.2), np.full(3, 0.6)))
    np.testing.assert_allclose(low, [0.1, 0.2, 0.2])
    np.testing.assert_allclose(high, [0.6, 0.6, 0.6])


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 5), (3, 5), (5, 5), (0, 1), (17, 40)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_agrees_with_scipy(k, n, confidence):
    oracle = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    expected = [oracle.low, oracle.high]
    np.testing.assert_allclose(wilson(k, n, confidence), expected, atol=1e-12)


def test_wilson_of_five_of_five():
    assert wilson(5, 5) == pytest.approx((0.5655, 1.0), abs=1e-4)


@pytest.mark.parametrize(("k", "n"), [(0, 0), (3, 2), (-1, 4)])
def test_wilson_refuses_what_is_no_proportion(k, n):
    with pytest.raises(ValueError, match="is not a proportion"):
        wilson(k, n)
