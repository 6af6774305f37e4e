"""The score of many answers, and how far it would be off on other rows."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..metrics import Mean
from ..training.objective import Judged, Objective
from .quick import quick_jit


BLOCKS = 20
"""Into how many blocks of neighbors rows are cut to see whether they depend."""


class Scored(NamedTuple):
    """A score and its standard error."""

    score: float
    error: float


def scored(objective: Objective, judged: Judged) -> Scored:
    """Returns the score of rows.

    Args:
        objective: whose metric it is.
        judged: what it keeps of each row, with a leading axis.
    """
    found = judged.statistics
    if isinstance(found, Mean):
        return ratio(np.asarray(found.total, float), np.asarray(found.weight, float))
    score = float(_score(objective, judged))
    return Scored(score, _jackknife(objective, judged))


def ratio(
    scores: Float[np.ndarray, " rows"], counts: Float[np.ndarray, " rows"]
) -> Scored:
    """Returns the score per answer and its standard error.

    Answers of one row may depend on each other, so that rows, not answers, are what
    is drawn: the error is that of a ratio of two sums over rows. Rows of one recording
    depend on each other too, and follow each other: where sums over blocks of
    neighbors vary more than independent rows would, theirs is the error.
    """
    mean = scores.sum() / counts.sum()
    residuals = scores - mean * counts
    blocks = [part.sum() for part in np.array_split(residuals, BLOCKS)]
    error = max(_error_of_sum(residuals), _error_of_sum(np.array(blocks)))
    return Scored(float(mean), float(error / counts.sum()))


def _error_of_sum(parts: Float[np.ndarray, " parts"]) -> float:
    """Returns the standard error of the sum of parts whose mean is 0."""
    return float(np.sqrt((parts**2).sum() * len(parts) / max(1, len(parts) - 1)))


def _jackknife(objective: Objective, judged: Judged) -> float:
    """Returns the standard error by leaving out one block of neighbors at a time.

    Rows beyond a multiple of the blocks are left out of it all, so that one program
    serves every block.
    """
    rows = len(judged.loss.total)
    blocks = min(BLOCKS, rows)
    size = rows // blocks
    scores = []
    for block in range(blocks):
        kept = np.delete(np.arange(blocks * size), block * size + np.arange(size))
        scores.append(float(_score(objective, _rows(judged, kept))))
    there = np.array([score for score in scores if np.isfinite(score)])
    return float(np.sqrt(max(len(there) - 1, 0) * there.var())) if there.size else 0.0


def _rows(judged: Judged, kept: np.ndarray) -> Judged:
    # By numpy, which has no program to compile for it.
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[kept]), judged)


@quick_jit
def _score(objective: Objective, judged: PyTree) -> Array:
    return objective.tally(judged).mean_score
