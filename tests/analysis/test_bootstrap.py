"""Intervals against closed forms, against scipy and by simulation."""

import numpy as np
import pytest
from scipy import stats

from nnarena.analysis.aggregates import (
    iqm,
    iqm_over_tasks,
    mean,
    mean_over_tasks,
    median,
    median_over_tasks,
)
from nnarena.analysis.bootstrap import (
    Interval,
    aggregate_interval,
    bca_interval,
    probability_of_lead,
    resample,
    sample_interval,
    task_interval,
    wilson,
)


MATRIX = np.array([[0.0, 10.0], [1.0, 20.0], [2.0, 30.0], [9.0, 40.0]])
"""Four runs of two tasks: task means 3 and 25, middle halves 1, 2, 9, 10."""


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_statistics_of_four_runs():
    column = MATRIX[:, 0]
    assert mean(column) == 3.0
    assert median(column) == 1.5
    assert iqm(column) == 1.5


def test_aggregates_of_a_matrix():
    assert mean_over_tasks(MATRIX) == 14.0
    assert median_over_tasks(MATRIX) == 14.0
    # 0 1 | 2 9 10 20 | 30 40
    assert iqm_over_tasks(MATRIX) == 10.25


def test_aggregates_skip_missing_runs():
    holed = MATRIX.copy()
    holed[3, 0] = np.nan
    assert mean_over_tasks(holed) == 13.0
    # 0 | 1 2 10 20 30 | 40: a quarter of seven, rounded down, is one
    assert iqm_over_tasks(holed) == pytest.approx(12.6)


@pytest.mark.parametrize("aggregate", [mean_over_tasks, iqm_over_tasks])
def test_aggregates_keep_leading_axes(aggregate):
    stacked = np.stack([MATRIX, MATRIX + 1.0, 2.0 * MATRIX])
    alone = [aggregate(matrix) for matrix in stacked]
    np.testing.assert_allclose(aggregate(stacked), alone)


def test_resampling_stays_within_tasks():
    holed = MATRIX.copy()
    holed[1, 1] = np.nan
    drawn = resample(holed, rng(), 500)
    assert drawn.shape == (500, 4, 2)
    assert set(np.unique(drawn[:, :, 0])) == {0.0, 1.0, 2.0, 9.0}
    assert np.isnan(drawn[:, 3, 1]).all()
    assert set(np.unique(drawn[:, :3, 1])) == {10.0, 30.0, 40.0}


def test_resampling_draws_tasks_independently():
    first, second = resample(MATRIX, rng(), 20_000).mean(axis=1).T
    assert abs(np.mean((first - 3.0) * (second - 25.0))) / 12.5 < 0.03


def test_equal_runs_have_an_interval_without_width():
    assert sample_interval(np.full(5, 0.25), rng()) == Interval(0.25, 0.25)
    assert aggregate_interval(np.full((3, 2), 0.5), rng()) == Interval(0.5, 0.5)


def test_two_runs_reach_from_one_to_the_other():
    assert sample_interval(np.array([1.0, 4.0]), rng()) == Interval(1.0, 4.0)


def test_a_single_run_has_no_interval():
    assert sample_interval(np.array([0.3]), rng()) is None
    assert sample_interval(np.array([0.3, np.nan]), rng()) is None
    lonely = np.array([[0.1, 0.2], [0.3, np.nan]])
    assert aggregate_interval(lonely, rng()) is None


def test_a_task_without_runs_is_refused():
    empty = np.array([[0.1, np.nan], [0.3, np.nan]])
    with pytest.raises(ValueError, match="every task needs a run"):
        aggregate_interval(empty, rng())


def test_equal_generators_give_equal_intervals():
    assert aggregate_interval(MATRIX, rng()) == aggregate_interval(MATRIX, rng())
    other = aggregate_interval(MATRIX, np.random.default_rng(1), repetitions=100)
    assert other != aggregate_interval(MATRIX, rng(), repetitions=100)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(mean, np.mean), (median, np.median), (iqm, iqm)]
)
def test_plain_intervals_agree_with_scipy(ours, theirs):
    sample = np.random.default_rng(5).lognormal(size=15)
    got = sample_interval(sample, rng(), statistic=ours, widened=False)
    oracle = stats.bootstrap(
        (sample,), theirs, n_resamples=10_000, method="percentile", rng=rng()
    ).confidence_interval
    assert got is not None
    # The ends are quantiles of 10,000 draws: about 1.5 % of the width uncertain.
    width = oracle.high - oracle.low
    np.testing.assert_allclose(got, [oracle.low, oracle.high], atol=0.08 * width)


def test_one_task_is_a_sample():
    column = MATRIX[:, 1]
    assert aggregate_interval(column[:, None], rng()) == sample_interval(column, rng())


def test_the_stratified_interval_narrows_with_tasks():
    draws = np.random.default_rng(2).normal(size=(10, 16))
    one, many = (aggregate_interval(draws[:, :n], rng()) for n in (1, 16))
    assert one is not None
    assert many is not None
    assert many.high - many.low < 0.5 * (one.high - one.low)


@pytest.mark.parametrize(
    ("runs", "tasks", "widened", "expected"),
    [
        (20, 1, True, 0.95),
        (5, 3, True, 0.94),
        (5, 1, True, 0.925),
        (5, 1, False, 0.84),
    ],
)
def test_how_often_an_interval_holds_the_truth(runs, tasks, widened, expected):
    source, trials, hits = np.random.default_rng(3), 600, 0
    for _ in range(trials):
        matrix = source.normal(size=(runs, tasks))
        found = aggregate_interval(matrix, source, repetitions=1000, widened=widened)
        assert found is not None
        hits += found.low <= 0.0 <= found.high
    assert hits / trials == pytest.approx(expected, abs=0.035)


def test_probability_of_lead():
    low, high = np.array([[0.1], [0.2]]), np.array([[0.8], [0.9]])
    assert probability_of_lead(high, low, rng()) == 1.0
    assert probability_of_lead(low, high, rng()) == 0.0
    assert probability_of_lead(low[:1], low[:1], rng()) == 0.5


def test_probability_of_lead_counted_by_hand():
    # Means of two draws: ours 0, 1/2, 1/2, 1; theirs always 1/2: ahead 1/4, tied 1/2.
    ours, theirs = np.array([[0.0], [1.0]]), np.array([[0.5], [0.5]])
    assert probability_of_lead(ours, theirs, rng()) == pytest.approx(0.5, abs=0.02)
    # Against 0.4 it is ahead in three draws of four.
    assert probability_of_lead(ours, theirs - 0.1, rng()) == pytest.approx(
        0.75, abs=0.02
    )


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
    with pytest.raises(ValueError, match="no proportion"):
        wilson(k, n)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(mean, np.mean), (median, np.median), (iqm, iqm)]
)
def test_bca_intervals_agree_with_scipy(ours, theirs):
    sample = np.random.default_rng(5).lognormal(size=15)
    got = bca_interval(sample, rng(), statistic=ours, widened=False)
    oracle = stats.bootstrap(
        (sample,), theirs, n_resamples=10_000, method="BCa", rng=rng()
    ).confidence_interval
    assert got is not None
    width = oracle.high - oracle.low
    np.testing.assert_allclose(got, [oracle.low, oracle.high], atol=0.08 * width)


def test_bca_leans_to_the_long_side_of_a_skewed_sample():
    sample = np.array([0.1, 0.12, 0.13, 0.15, 0.9])
    plain, leaning = sample_interval(sample, rng()), bca_interval(sample, rng())
    assert plain is not None
    assert leaning is not None
    assert leaning.high > plain.high
    assert leaning.low >= plain.low
    assert bca_interval(np.full(4, 0.2), rng()) == Interval(0.2, 0.2)
    assert bca_interval(sample[:1], rng()) is None
    assert bca_interval(sample[3:], rng()) == Interval(0.15, 0.9)


def test_other_tasks_move_a_mean_more_than_other_seeds():
    source = np.random.default_rng(2)
    matrix = source.normal(size=12) + 0.1 * source.normal(size=(5, 12))
    seeds, tasks = aggregate_interval(matrix, rng()), task_interval(matrix, rng())
    assert seeds is not None
    assert tasks is not None
    assert tasks.high - tasks.low > 5 * (seeds.high - seeds.low)
    # By Student's t over the task means.
    means = matrix.mean(axis=0)
    oracle = stats.t.interval(0.95, 11, means.mean(), stats.sem(means))
    np.testing.assert_allclose(tasks, oracle, atol=0.1 * (oracle[1] - oracle[0]))


def test_few_tasks_are_no_sample_of_tasks():
    assert task_interval(MATRIX, rng()) is None
    holed = np.tile(MATRIX, 3)
    holed[3, 0] = np.nan
    assert task_interval(holed, rng(), aggregate=iqm_over_tasks) is not None
