"""Intervals of means of runs: how far a mean would move had the seeds fallen otherwise.

One rule for every mean that is shown: of a cell (one contender on one task), of the
overall score, of a difference of two contenders, of the share of runs that reach a
score. Each is a weighted sum of cells, and its interval is Student's, with the degrees
of freedom of Welch and Satterthwaite, since cells vary unequally.

Runs that solve a task or fail altogether are not normal: five that all solved it have
no spread, and say little about a failure that comes one time in ten. So where a task is
all-or-none (`scores.py`), two runs of the least that a run can count and two perfect
ones are added in all, shared
out evenly over the cells of such tasks that the sum is over (Price and Bonett 2004, "An
improved confidence interval for a linear function of binomial proportions"). They move
the interval, never the mean that is shown.

How often they hold the truth is measured in `tests/analysis/test_coverage.py`, and told
in `docs/statistics.md`.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats


CONFIDENCE = 0.95

ADDED = 2.0
"""Blind runs that are added to the cells of all-or-none tasks; as many perfect ones."""

NO_SPREAD = 1e-9
"""Errors below this are of rounding: the runs are equal and say nothing of others."""


class Interval(NamedTuple):
    """The two ends of an interval."""

    low: float
    high: float


class Moments(NamedTuple):
    """Runs of cells `(..., cells)`: how many, their mean, their squared deviations."""

    counts: np.ndarray
    means: np.ndarray
    squares: np.ndarray


class Ends(NamedTuple):
    """Ends of intervals `(...)`, NaN where there is none."""

    low: np.ndarray
    high: np.ndarray

    def at(self, place: int) -> Interval | None:
        """Returns one interval; None where there is none."""
        low, high = float(self.low[place]), float(self.high[place])
        return Interval(low, high) if math.isfinite(high - low) else None


def moments(values: np.ndarray) -> Moments:
    """Returns the moments of runs `(..., runs, cells)`, NaN where a run is missing."""
    there = ~np.isnan(values)
    counts = there.sum(axis=-2).astype(float)
    sums = np.where(there, values, 0.0).sum(axis=-2)
    with np.errstate(invalid="ignore"):
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        gaps = np.where(there, values - means[..., None, :], 0.0)
        return Moments(counts, means, (gaps**2).sum(axis=-2))


def weighted_ends(
    cells: Moments,
    weights: np.ndarray,
    split: np.ndarray,
    *,
    confidence: float = CONFIDENCE,
    worst: np.ndarray | float = 0.0,
) -> Ends:
    """Returns the intervals of weighted sums of the means of cells.

    NaN where a cell of the sum has fewer than two runs, and where nothing varies.

    Args:
        cells: the runs `(..., cells)`.
        weights: `(..., cells)`; a cell of weight 0 is not part of the sum.
        split: the cells that runs are added to: `(..., cells)`.
        confidence: how often the intervals hold the truth.
        worst: where the runs lie that are added beside perfect ones: `(..., cells)`.
    """
    part = weights != 0
    runs = _added(part & split)
    counts = np.where(part, cells.counts + 2 * runs, 2.0)
    total = runs * (1 + worst)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        means = np.where(part, (cells.counts * cells.means + total) / counts, 0.0)
        moved = np.where(part, cells.counts * (cells.means - means) ** 2, 0.0)
        apart = runs * ((means - worst) ** 2 + (1 - means) ** 2)
        squares = np.where(part, cells.squares + moved + apart, 0.0)
        parts = weights**2 * squares / (counts - 1) / counts
        variance = parts.sum(axis=-1)
        freedom = variance**2 / (parts**2 / (counts - 1)).sum(axis=-1)
        half = stats.t.ppf(0.5 + confidence / 2, freedom) * np.sqrt(variance)
    few = (part & (cells.counts < 2)).any(axis=-1)
    half = np.where(few | (variance <= NO_SPREAD**2), np.nan, half)
    center = (weights * means).sum(axis=-1)
    return Ends(center - half, center + half)


def cell_interval(
    sample: np.ndarray,
    *,
    split: bool = False,
    worst: float = 0.0,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """Returns the interval of the mean of runs `(runs,)` of one contender on one task.

    None for fewer than two runs, and for equal ones that are not `split`.
    """
    return mean_interval(
        sample[:, None], np.array([split]), np.array([worst]), confidence=confidence
    )


def mean_interval(
    matrix: np.ndarray,
    split: np.ndarray,
    worst: np.ndarray | float = 0.0,
    *,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """Returns the interval of the mean over tasks of the mean over runs.

    None where a task has fewer than two runs, or where nothing varies.

    Args:
        matrix: `(runs, tasks)`, NaN where a run is missing.
        split: which tasks are all-or-none: `(tasks,)`.
        worst: the least that a run of each can count: `(tasks,)`.
        confidence: how often the interval holds the truth.
    """
    tasks = matrix.shape[-1]
    weights = np.full((1, tasks), 1 / tasks)
    cells = Moments(*(part[None] for part in moments(matrix)))
    return weighted_ends(
        cells, weights, split[None], confidence=confidence, worst=worst
    ).at(0)


def within(
    interval: Interval | None, mean: float, least: float, most: float
) -> Interval | None:
    """Returns an interval around a mean without what lies off the scale of scores.

    A mean that lies off the scale itself shows that the scale does not end there.
    """
    if interval is None:
        return None
    low, high = interval
    return Interval(
        max(low, least) if mean > least - NO_SPREAD else low,
        min(high, most) if mean < most + NO_SPREAD else high,
    )


def unseen_shift(
    shifts: np.ndarray, runs: np.ndarray, confidence: float = CONFIDENCE
) -> np.ndarray:
    """Returns how far ends that all runs missed can move sums of cells `(...)`.

    Where a share q of the runs of a cell ends otherwise, its n runs all miss it with
    probability (1 - q)^n, and it moves the sum by q times what all of them would. Of
    all shares that all runs of all cells miss with a chance of half of what the
    confidence leaves, those are taken that move the sum furthest. Of one cell that is
    the upper end of the interval of Clopper and Pearson (1934) where 0 of n ended so.

    Args:
        shifts: how far a cell moves its sum if all of its runs end so: `(..., cells)`,
            0 or more.
        runs: how many runs of it there are, 1 or more: `(..., cells)`.
        confidence: how often the sum is moved by no more than what is returned.
    """
    # With x = -log(1 - q) the sum of shifts (1 - e^-x) is largest, given that of runs
    # x, where e^-x shifts / runs is one level for all cells that lie above it.
    order = np.argsort(-shifts / runs, axis=-1)
    sizes = np.take_along_axis(runs, order, axis=-1)
    with np.errstate(divide="ignore"):
        logs = np.log(np.take_along_axis(shifts, order, axis=-1) / sizes)
    left = math.log((1 - confidence) / 2) + np.cumsum(sizes * logs, axis=-1)
    level = np.exp((left / np.cumsum(sizes, axis=-1)).max(axis=-1, keepdims=True))
    return np.asarray(np.maximum(shifts - level * runs, 0.0).sum(axis=-1))


def widest(*intervals: Ends) -> Ends:
    """Returns intervals that reach as far to each side as any that there is."""
    lows, highs = zip(*intervals, strict=True)
    return Ends(np.fmin.reduce(lows), np.fmax.reduce(highs))


def wilson(
    successes: float | int, trials: int, confidence: float = CONFIDENCE
) -> Interval:
    """Returns the score interval of a proportion (Wilson 1927).

    Raises:
        ValueError: there is no trial.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is not a proportion")
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    share, weight = successes / trials, z * z / trials
    center = (share + weight / 2) / (1 + weight)
    spread = math.sqrt(weight * share * (1 - share) + weight**2 / 4) / (1 + weight)
    low = 0.0 if successes == 0 else max(center - spread, 0.0)
    high = 1.0 if successes == trials else min(center + spread, 1.0)
    return Interval(low, high)


def _added(split: np.ndarray) -> np.ndarray:
    """How many blind runs a cell gets, and as many perfect ones: `(..., cells)`."""
    number = split.sum(axis=-1, keepdims=True)
    return np.where(split, ADDED / np.maximum(number, 1), 0.0)
