"""Performance profiles: how many runs reach each score, with their doubt.

Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical
precipice", 4.2: a mean hides whether a contender is fair everywhere or splendid here
and blind there; a profile shows it, and where two cross, neither dominates.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from .bootstrap import CONFIDENCE, resample


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
    reached = [(matrices >= bar).sum(axis=-2) / there for bar in thresholds]
    return np.stack([share.mean(axis=-1) for share in reached], axis=-1)


def profile(
    matrix: np.ndarray,
    thresholds: np.ndarray,
    rng: Generator,
    *,
    confidence: float = CONFIDENCE,
    repetitions: int = 2_000,
) -> Profile:
    """Returns the profile of a contender's scores `(runs, tasks)`, with a band.

    The band is of percentiles of the stratified bootstrap, each threshold by itself.

    Raises:
        ValueError: a task has no run.
    """
    draws = shares_reaching(resample(matrix, rng, repetitions), thresholds)
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    return Profile(thresholds, shares_reaching(matrix, thresholds), low, high)
