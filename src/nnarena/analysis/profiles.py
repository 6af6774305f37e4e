"""Performance profiles: how many runs reach each score, with their doubt.

Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical
precipice", 4.2: a mean hides whether a contender is fair everywhere or splendid here
and blind there; a profile shows it, and where two cross, neither dominates.
"""

from typing import NamedTuple

import numpy as np

from .intervals import CONFIDENCE, Moments, moments, weighted_ends


class Profile(NamedTuple):
    """Shares of runs that reach each threshold, and pointwise ends `(thresholds,)`."""

    thresholds: np.ndarray
    shares: np.ndarray
    low: np.ndarray
    high: np.ndarray


def shares_reaching(matrices: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Returns the share of runs at or above each threshold, every task weighing alike.

    Args:
        matrices: scores `(..., runs, tasks)`, NaN where there is no run.
        thresholds: `(thresholds,)`.

    Returns:
        `(..., thresholds)`.
    """
    there = (~np.isnan(matrices)).sum(axis=-2)
    with np.errstate(invalid="ignore"):
        reached = [(matrices >= bar).sum(axis=-2) / there for bar in thresholds]
    return np.stack([share.mean(axis=-1) for share in reached], axis=-1)


def profile(
    matrix: np.ndarray, thresholds: np.ndarray, *, confidence: float = CONFIDENCE
) -> Profile:
    """Returns the profile of a contender's scores `(runs, tasks)`, with a band.

    The band is the interval of each share by itself (`intervals.py`), whose runs reach
    the threshold or do not; NaN where a task has fewer than two runs.

    Raises:
        ValueError: a task has no run.
    """
    shares = shares_reaching(matrix, thresholds)
    if np.isnan(shares).any():
        raise ValueError("every task needs a run: leave out tasks that have none")
    reached = np.where(np.isnan(matrix), np.nan, matrix >= thresholds[:, None, None])
    cells: Moments = moments(reached)
    weights = np.full_like(cells.means, 1 / matrix.shape[-1])
    split = np.ones_like(weights, dtype=bool)
    ends = weighted_ends(cells, weights, split, confidence=confidence)
    # A share at an end of the scale lies at the end of its interval.
    low = np.clip(np.minimum(ends.low, shares), 0, 1)
    high = np.clip(np.maximum(ends.high, shares), 0, 1)
    return Profile(thresholds, shares, low, high)
