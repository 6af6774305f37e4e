"""How far our mean is from a published one, and what can be said of it.

A difference is tested for equivalence: its interval is held against a margin that is
fixed before anything is run (Schuirmann 1987; Lakens 2017). Where the interval of
`CONFIDENCE` lies inside the margin on both sides, two one-sided tests at half the rest
(0.025 each) both reject, and the means agree.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from .intervals import CONFIDENCE, Interval
from .power import detectable_shift


Verdict = Literal["agrees", "differs", "not told apart", "not comparable"]


@dataclass(frozen=True)
class Gap:
    """Our mean less a published one, and how sure it is.

    `error` is its standard error, 0 where neither side varies, and `freedom` that
    error's degrees of freedom. `rounding` is by how much the published mean may be off
    for being rounded.
    """

    value: float
    error: float
    freedom: float
    rounding: float

    @property
    def reach(self) -> float:
        """Half the width of the interval."""
        if self.error == 0:
            return self.rounding
        quantile = stats.t.ppf(0.5 + CONFIDENCE / 2, self.freedom)
        return self.rounding + float(quantile) * self.error

    @property
    def interval(self) -> Interval:
        """Where the true difference is, in `CONFIDENCE` of all repetitions."""
        return Interval(self.value - self.reach, self.value + self.reach)

    @property
    def detectable(self) -> float:
        """The smallest true difference whose interval excludes 0 with `power.POWER`.

        Of runs that vary as these and the published ones did (`power.POWER` is 0.8).
        """
        if self.error == 0:
            return self.rounding
        shift = detectable_shift(self.freedom, level=1 - CONFIDENCE)
        return self.rounding + shift * self.error


def gap_of(
    sample: np.ndarray,
    value: float,
    spread: float | None,
    n: int | None,
    *,
    rounding: float = 0.0,
) -> Gap | None:
    """Returns the mean of `(runs,)` less a published mean.

    Welch 1947; a figure without spread or number of runs counts as exact. A single run
    is taken to vary as the published ones did (Student 1908, one variance for both),
    and where they have no spread either nothing is known of the gap.

    Args:
        sample: our scores.
        value: the published mean.
        spread: its sample standard deviation.
        n: over how many runs.
        rounding: by how much the published mean and its spread may be off for being
            rounded.
    """
    theirs = None
    if spread is not None and n is not None and n > 1:
        theirs = ((spread + rounding) ** 2, n)
    if sample.size > 1:
        squared, freedom = _welch((float(sample.var(ddof=1)), sample.size), theirs)
    elif theirs is not None:
        variance, runs = theirs
        squared, freedom = variance * (1 + 1 / runs), float(runs - 1)
    else:
        return None
    return Gap(float(sample.mean()) - value, math.sqrt(squared), freedom, rounding)


def _welch(*sides: tuple[float, int] | None) -> tuple[float, float]:
    """Returns the squared error of a difference of means and its degrees of freedom.

    Each side is a variance and how many runs it is of; None is exact.
    """
    parts = [(variance / n, n - 1) for variance, n in filter(None, sides)]
    error = sum(part for part, _ in parts)
    rest = sum(part**2 / free for part, free in parts)
    return error, error**2 / rest if rest else math.inf


def judge(gap: Gap | None, margin: float) -> Verdict:
    """Returns what a difference, ours less theirs, says.

    "agrees": its interval lies inside +-margin, whether or not it holds 0, so that a
    tiny difference that is certain still agrees. "differs": it does not, and excludes
    0. "not told apart": it holds 0 and more than the margin, or there is no interval.
    A margin that is no wider than the rounding can never agree.
    """
    if gap is None:
        return "not told apart"
    low, high = gap.interval
    if -margin < low and high < margin:
        return "agrees"
    return "differs" if low > 0 or high < 0 else "not told apart"
