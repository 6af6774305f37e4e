"""How often the 95 % intervals hold the truth, of 2,000 samples each."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from nnarena.analysis.aggregates import iqm_over_tasks, mean_over_tasks
from nnarena.analysis.bootstrap import (
    Interval,
    aggregate_interval,
    bca_interval,
    sample_interval,
    task_interval,
    wilson,
)
from nnarena.analysis.pairs import superiority, superiority_interval


SAMPLES = 2_000
REPETITIONS = 1_000

pytestmark = pytest.mark.slow


def coverage(draw: Callable[[np.random.Generator], Interval | None], truth: float):
    """Returns the share of intervals around the truth."""
    rng, hits = np.random.default_rng(7), 0
    for _ in range(SAMPLES):
        found = draw(rng)
        assert found is not None
        hits += found.low <= truth <= found.high
    return hits / SAMPLES


@pytest.mark.parametrize("interval", [sample_interval, bca_interval])
@pytest.mark.parametrize(
    ("runs", "low", "high"),
    [(3, 0.72, 0.78), (5, 0.9, 0.94), (10, 0.93, 0.97), (20, 0.93, 0.97)],
)
def test_the_mean_of_normal_runs(interval, runs, low, high):
    def draw(rng: np.random.Generator) -> Interval | None:
        return interval(rng.normal(size=runs), rng, repetitions=REPETITIONS)

    assert low <= coverage(draw, 0.0) <= high


@pytest.mark.parametrize("aggregate", [mean_over_tasks, iqm_over_tasks])
@pytest.mark.parametrize("shape", [(5, 3), (5, 6), (10, 3)])
def test_aggregates_over_the_same_tasks(aggregate, shape):
    def draw(rng: np.random.Generator) -> Interval | None:
        matrix = rng.normal(size=shape)
        return aggregate_interval(
            matrix, rng, aggregate=aggregate, repetitions=REPETITIONS
        )

    assert 0.93 <= coverage(draw, 0.0) <= 0.97


@pytest.mark.parametrize("tasks", [8, 12, 20])
def test_means_over_tasks_that_are_a_sample(tasks):
    def draw(rng: np.random.Generator) -> Interval | None:
        matrix = rng.normal(size=(5, tasks)) + rng.normal(size=tasks)
        return task_interval(matrix, rng, repetitions=REPETITIONS)

    assert 0.93 <= coverage(draw, 0.0) <= 0.97


@pytest.mark.parametrize("runs", [5, 10])
@pytest.mark.parametrize("truth", [0.5, 0.8, 0.95])
def test_the_probability_of_superiority(runs, truth):
    shift = float(stats.norm.ppf(truth)) * 2**0.5

    def draw(rng: np.random.Generator) -> Interval:
        first, second = rng.normal(size=(2, runs))
        share = superiority(first + shift, second)
        return superiority_interval(share, runs, runs)

    assert 0.93 <= coverage(draw, truth) <= 0.97


def test_the_share_of_solved_runs():
    """Wilson's interval of five runs wavers with the truth, and holds on average."""
    truths = np.linspace(0.05, 0.95, 19)
    held = []
    for truth in truths:
        chances = stats.binom.pmf(np.arange(6), 5, truth)
        inside = [w.low <= truth <= w.high for w in (wilson(k, 5) for k in range(6))]
        held.append(chances @ inside)
    assert 0.93 <= np.mean(held) <= 0.97
