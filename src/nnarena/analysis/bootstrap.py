"""Intervals of the interquartile mean, whose error has no closed form.

They are percentile intervals of the bootstrap (Efron and Tibshirani 1993, chapter 13),
stratified: seeds are drawn anew within every task (Agarwal et al. 2021, "Deep
reinforcement learning at the edge of the statistical precipice"). Plain percentile
intervals are too narrow for the few seeds of a benchmark: of five normal ones the
"95 %" interval of the mean holds the truth 83 times in 100. So the percentiles move
outwards by as much as Student's t exceeds the normal distribution (Hesterberg 2015,
"What teachers should know about the bootstrap", 5.3).

How often they hold the truth, of 2,000 samples (`tests/analysis/test_coverage.py`):
between 93 and 97 % for five or more normal runs of each of three or more tasks. Runs of
all-or-none tasks are not normal, and get none (`leaderboard.py`).
"""

import math

import numpy as np
from numpy.random import Generator
from scipy import stats

from .aggregates import Reduced, Statistic, iqm_over_tasks
from .intervals import CONFIDENCE, Interval


REPETITIONS = 10_000


def resample(matrix: np.ndarray, rng: Generator, repetitions: int) -> np.ndarray:
    """Returns matrices whose runs are drawn anew within each task.

    Args:
        matrix: scores `(runs, tasks)`; NaN marks a missing run.
        rng: the source of the draws.
        repetitions: how many matrices.

    Returns:
        `(repetitions, runs, tasks)`; a task with fewer runs ends in NaN.

    Raises:
        ValueError: a task has no run.
    """
    drawn = np.full((repetitions, *matrix.shape), np.nan)
    for task, column in enumerate(_columns(matrix)):
        picks = rng.integers(column.size, size=(repetitions, column.size))
        drawn[:, : column.size, task] = column[picks]
    return drawn


def aggregate_interval(
    matrix: np.ndarray,
    rng: Generator,
    *,
    aggregate: Statistic = iqm_over_tasks,
    confidence: float = CONFIDENCE,
    repetitions: int = REPETITIONS,
    widened: bool = True,
) -> Interval | None:
    """Returns the stratified interval of an aggregate of `(runs, tasks)`.

    None where a task has fewer than two runs, and where all runs of every task are
    equal; `widened=False` gives the plain percentile interval.

    Raises:
        ValueError: a task has no run.
    """
    columns = _columns(matrix)
    if min(column.size for column in columns) < 2:
        return None
    if all(np.ptp(column) == 0 for column in columns):
        return None
    draws = aggregate(resample(matrix, rng, repetitions))
    return _percentiles(draws, _tail(columns, confidence, widened))


def _columns(matrix: np.ndarray) -> list[np.ndarray]:
    columns = [column[~np.isnan(column)] for column in matrix.T]
    if not columns or any(column.size == 0 for column in columns):
        raise ValueError("every task needs a run: leave out tasks that have none")
    return columns


def _percentiles(draws: Reduced, tail: float) -> Interval:
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _tail(columns: list[np.ndarray], confidence: float, widened: bool) -> float:
    """The share of draws beyond each end.

    The bootstrap's variance of a mean of n runs is too small by (n - 1) / n, and a
    normal tail too light; degrees of freedom are Welch's, as tasks vary unequally.
    """
    tail = (1 - confidence) / 2
    columns = [column for column in columns if np.ptp(column) > 0]
    if not (widened and columns):
        return tail
    counts = np.array([column.size for column in columns])
    parts = np.array([column.var(ddof=1) for column in columns]) / counts
    freedom = parts.sum() ** 2 / (parts**2 / (counts - 1)).sum()
    growth = math.sqrt(parts.sum() / (parts * (counts - 1) / counts).sum())
    return float(stats.norm.cdf(growth * stats.t.ppf(tail, freedom)))
