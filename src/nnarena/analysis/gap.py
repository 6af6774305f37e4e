"""How far our mean is from a published one, and what can be said of it."""

import math
from typing import Literal

import numpy as np
from scipy import stats

from .bootstrap import CONFIDENCE, Interval


Verdict = Literal["within", "above", "below", "cannot tell", "not comparable"]


def gap_interval(
    sample: np.ndarray,
    value: float,
    spread: float | None,
    n: int | None,
    *,
    rounding: float = 0.0,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """Returns the interval of the mean of `(runs,)` less a published mean.

    Welch 1947; a figure without spread or number of runs counts as exact. A single run
    is taken to vary as the published ones did (Student 1908, one variance for both),
    and where they have no spread either there is no interval.

    Args:
        sample: our scores.
        value: the published mean.
        spread: its sample standard deviation.
        n: over how many runs.
        rounding: by how much the published mean and its spread may be off for being
            rounded.
        confidence: how often the interval holds the true difference.
    """
    theirs = None
    if spread is not None and n is not None and n > 1:
        theirs = ((spread + rounding) ** 2, n)
    if sample.size > 1:
        error, freedom = _welch((float(sample.var(ddof=1)), sample.size), theirs)
    elif theirs is not None:
        variance, runs = theirs
        error, freedom = variance * (1 + 1 / runs), runs - 1
    else:
        return None
    gap, half = float(sample.mean()) - value, rounding
    if error > 0:
        quantile = stats.t.ppf(0.5 + confidence / 2, freedom)
        half += float(quantile) * math.sqrt(error)
    return Interval(gap - half, gap + half)


def _welch(*sides: tuple[float, int] | None) -> tuple[float, float]:
    """Returns the squared error of a difference of means and its degrees of freedom.

    Each side is a variance and how many runs it is of; None is exact.
    """
    parts = [(variance / n, n - 1) for variance, n in filter(None, sides)]
    error = sum(part for part, _ in parts)
    rest = sum(part**2 / free for part, free in parts)
    return error, error**2 / rest if rest else math.inf


def judge(gap: Interval | None, span: float) -> Verdict:
    """Returns what the interval of a difference, ours less theirs, says.

    An interval that holds 0 but is wider than the span from a blind answer to a
    perfect one would hold nearly anything: that cannot tell.
    """
    if gap is None:
        return "cannot tell"
    if gap.low > 0:
        return "above"
    if gap.high < 0:
        return "below"
    return "within" if gap.high - gap.low <= span else "cannot tell"
