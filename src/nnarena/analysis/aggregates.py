"""What samples of runs and matrices of runs and tasks are reduced to.

Every function keeps leading axes, so that thousands of bootstrap draws are reduced in
one call.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats


Reduced = np.ndarray | np.floating
"""What is left of an array whose last axis or axes are gone."""

Statistic = Callable[[np.ndarray], Reduced]
"""Reduces the last two axes of matrices `(..., runs, tasks)`."""


def iqm(samples: np.ndarray) -> np.ndarray:
    """Returns the interquartile mean over the last axis: `(..., runs)` to `(...)`.

    The lowest and the highest quarter, rounded down, are left out.
    """
    return np.asarray(stats.trim_mean(samples, 0.25, axis=-1))


def mean_over_tasks(matrices: np.ndarray) -> Reduced:
    """Returns the mean over tasks of the mean over runs: `(..., runs, tasks)`."""
    return np.nanmean(matrices, axis=-2).mean(axis=-1)


def iqm_over_tasks(matrices: np.ndarray) -> Reduced:
    """Returns the interquartile mean of all scores: `(..., runs, tasks)`.

    Agarwal et al. 2021. It asks what the middle half of all runs reach, whichever task
    they are of; missing runs are NaN.
    """
    ordered = np.sort(matrices.reshape(*matrices.shape[:-2], -1), axis=-1)  # NaN last
    there = (~np.isnan(ordered)).sum(axis=-1, keepdims=True)
    place = np.arange(ordered.shape[-1])
    kept = (place >= there // 4) & (place < there - there // 4)
    return np.where(kept, ordered, 0.0).sum(axis=-1) / kept.sum(axis=-1)
