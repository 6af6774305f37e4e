"""Bootstrap intervals against scipy and by simulation."""

import numpy as np
import pytest
from scipy import stats

from nnarena.analysis.aggregates import iqm, iqm_over_tasks, mean_over_tasks
from nnarena.analysis.bootstrap import aggregate_interval, resample


MATRIX = np.array([[0.0, 10.0], [1.0, 20.0], [2.0, 30.0], [9.0, 40.0]])
"""Four runs of two tasks: task means 3 and 25, middle halves 1, 2, 9, 10."""


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_statistics_of_four_runs():
    column = MATRIX[:, 0]
    assert iqm(column) == 1.5


def test_aggregates_of_a_matrix():
    assert mean_over_tasks(MATRIX) == 14.0
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


def test_runs_that_do_not_vary_have_no_interval():
    assert aggregate_interval(np.full((3, 2), 0.5), rng()) is None
    lonely = np.array([[0.1, 0.2], [0.3, np.nan]])
    assert aggregate_interval(lonely, rng()) is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(mean_over_tasks, np.mean), (iqm_over_tasks, iqm)],
)
def test_plain_intervals_agree_with_scipy(ours, theirs):
    sample = np.random.default_rng(5).lognormal(size=15)
    got = aggregate_interval(sample[:, None], rng(), aggregate=ours, widened=False)
    oracle = stats.bootstrap(
        (sample,), theirs, n_resamples=10_000, method="percentile", rng=rng()
    ).confidence_interval
    assert got is not None
    # The ends are quantiles of 10,000 draws: about 1.5 % of the width uncertain.
    width = oracle.high - oracle.low
    np.testing.assert_allclose(got, [oracle.low, oracle.high], atol=0.08 * width)


def test_a_task_without_runs_is_refused():
    empty = np.array([[0.1, np.nan], [0.3, np.nan]])
    with pytest.raises(ValueError, match="every task needs a run"):
        aggregate_interval(empty, rng())


def test_equal_generators_give_equal_intervals():
    assert aggregate_interval(MATRIX, rng()) == aggregate_interval(MATRIX, rng())
    other = aggregate_interval(MATRIX, np.random.default_rng(1), repetitions=100)
    assert other != aggregate_interval(MATRIX, rng(), repetitions=100)


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
        found = aggregate_interval(
            matrix,
            source,
            aggregate=mean_over_tasks,
            repetitions=1000,
            widened=widened,
        )
        assert found is not None
        hits += found.low <= 0.0 <= found.high
    assert hits / trials == pytest.approx(expected, abs=0.035)
