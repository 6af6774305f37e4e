"""Is one contender practically better than another over tasks: a posterior.

The Bayesian signed-rank test of Benavoli, Corani, Demsar and Zaffalon 2017, "Time for a
change: a tutorial for comparing multiple classifiers through Bayesian analysis",
section 4.2: a Dirichlet process over the differences on the tasks, with one
pseudo-task of weight 0.5 on which the two are equal.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator


PRACTICALLY_EQUAL = 0.01
"""Normalized scores this near count as the same: a hundredth of blind to perfect."""

PRIOR_WEIGHT = 0.5
DRAWS = 50_000


class Posterior(NamedTuple):
    """Probabilities, of sum 1, that the first is better, the same or worse."""

    better: float
    same: float
    worse: float


def signed_rank(
    gaps: np.ndarray,
    rng: Generator,
    *,
    region: float = PRACTICALLY_EQUAL,
    draws: int = DRAWS,
) -> Posterior:
    """Returns what the differences `(tasks,)`, first less second, say of a next task.

    Each probability is the share of posterior draws in which that answer has the
    greatest mass among all sums of two differences; draws with a draw are shared.

    Args:
        gaps: differences of mean scores, one per task.
        rng: the source of the draws.
        region: differences of at most this size are practically none.
        draws: how many draws from the posterior.

    Raises:
        ValueError: there is no task, or the region is negative.
    """
    if gaps.size == 0 or region < 0:
        raise ValueError("a posterior needs a task, and a region of 0 or more")
    gaps = np.concatenate([[0.0], gaps])
    weight = np.r_[PRIOR_WEIGHT, np.ones(gaps.size - 1)]
    weights = rng.dirichlet(weight, size=draws)
    sums = gaps[:, None] + gaps[None, :]
    masses = np.stack(
        [
            np.einsum(
                "di,ij,dj->d", weights, part.astype(float), weights, optimize=True
            )
            for part in (
                sums > 2 * region,
                np.abs(sums) <= 2 * region,
                sums < -2 * region,
            )
        ]
    )
    leads = np.isclose(masses, masses.max(axis=0), rtol=0, atol=1e-12)
    return Posterior(*(leads / leads.sum(axis=0)).mean(axis=1).tolist())
