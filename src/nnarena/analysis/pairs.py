"""Two contenders on one task: is one better, by how much, and how surely.

Everything rests on how often a run of one is better than a run of the other, so that a
metric's scale and one run that went very wrong do not decide. Of n and m runs, the
share of such pairs of runs has a variance of P (1 - P) / min(n, m) at most, whatever
the two distributions are: that of as many trials (Birnbaum and Klose 1957, "Bounds for
the variance of the Mann-Whitney statistic"). It has that where all runs of one end
alike, and those of the other far above or far below. So the test and the interval are
those of a proportion of min(n, m) trials (Clopper and Pearson 1934), for all alike. The
exact rank test of Mann and Whitney finds a little more, but it tests whether two
distributions are equal: of a steady contender and one whose runs end half above and
half below, it calls one better far more often than its level says.

Over several pairs p-values are adjusted by Holm's procedure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, compress

import numpy as np
from scipy import stats

from .intervals import CONFIDENCE, Interval
from .scores import Scores
from .words import plural


LEVEL = 0.05
"""The significance level of all tests."""


@dataclass(frozen=True)
class Pair:
    """The first contender against the second on one task; plus means first is better.

    `superiority` is the probability that a run of the first beats one of the second,
    a tie counting one half, with `interval`. `effect` is Hedges' g, None where no run
    varies. `p` is two-sided, of a superiority of 0.5; `adjusted` is p after Holm's
    procedure over its family. `stars` is "", "*", "**" or "***" for adjusted p below
    0.05, 0.01 and 0.001.
    """

    task: str
    first: str
    second: str
    runs: tuple[int, int]
    means: tuple[float, float]
    superiority: float
    interval: Interval
    effect: float | None
    p: float
    adjusted: float
    stars: str

    @property
    def settled(self) -> bool:
        """Whether the runs tell the two apart, at level 0.05 over the family."""
        return bool(self.stars)

    def swapped(self) -> "Pair":
        """Returns the second against the first."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            runs=self.runs[::-1],
            means=self.means[::-1],
            superiority=1 - self.superiority,
            interval=Interval(1 - self.interval.high, 1 - self.interval.low),
            effect=None if self.effect is None else -self.effect,
        )


@cache
def superiority_test(share: float, first: int, second: int) -> float:
    """Returns the two-sided p-value of a superiority of 0.5, of so many runs each.

    Twice the chance that of min(first, second) fair trials such a share or more succeed
    (where it is below 0.5: or fewer). For shares that are not a count of trials the
    incomplete beta function continues the tail of the binomial distribution.

    Args:
        share: in how many pairs of runs the first is better (`superiority`).
        first: runs of the first.
        second: runs of the second.
    """
    trials = min(first, second)
    won = trials * max(share, 1 - share)
    return min(1.0, 2 * float(stats.beta.cdf(0.5, won, trials - won + 1)))


def smallest_p(first: int, second: int) -> float:
    """Returns the least p-value that so many runs can give: where none overlap."""
    return superiority_test(1.0, first, second)


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Returns p-values adjusted for their number `(tests,)` (Holm 1979)."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (p.size - np.arange(p.size)))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def superiority(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the share of pairs of runs in which the first is higher; ties half."""
    gaps = first[:, None] - second[None, :]
    return float(np.mean(gaps > 0) + 0.5 * np.mean(gaps == 0))


@cache
def superiority_interval(
    share: float, first: int, second: int, confidence: float = CONFIDENCE
) -> Interval:
    """Returns the interval of a superiority, of so many runs each.

    It leaves out 0.5 where `superiority_test` gives less than 1 - `confidence`.

    Args:
        share: in how many pairs of runs the first is better (`superiority`).
        first: runs of the first.
        second: runs of the second.
        confidence: how often it holds the truth, at the least.
    """
    trials, tail = min(first, second), (1 - confidence) / 2
    won, lost = trials * share, trials * (1 - share)
    low = 0.0 if won == 0 else float(stats.beta.ppf(tail, won, lost + 1))
    high = 1.0 if lost == 0 else float(stats.beta.ppf(1 - tail, won + 1, lost))
    return Interval(low, high)


def hedges(first: np.ndarray, second: np.ndarray) -> float | None:
    """Returns the difference of means over the pooled standard deviation.

    Hedges 1981, with the exact correction for small samples; None where there is no
    spread to compare with, or where three runs in all leave nothing of the correction.
    """
    freedom = first.size + second.size - 2
    if freedom < 2:
        return None
    squares = sum(((x - x.mean()) ** 2).sum() for x in (first, second))
    if squares <= 0:
        return None
    log_correction = math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2)
    correction = math.exp(log_correction) / math.sqrt(freedom / 2)
    gap = first.mean() - second.mean()
    return float(correction * gap / math.sqrt(squares / freedom))


def stars(p: float) -> str:
    """Returns "", "*", "**" or "***"."""
    return "*" * sum(p < level for level in (0.05, 0.01, 0.001))


def at_best(family: Sequence[Pair]) -> tuple[Pair, ...]:
    """Returns every pair at the least p that its own runs can give.

    There Holm's procedure adjusts each of them least.
    """
    return adjusted([replace(pair, p=smallest_p(*pair.runs)) for pair in family])


def why_no_stars(best: Sequence[Pair], tests: int) -> str | None:
    """Returns the sentence that says why no pair can have a star; None if one can.

    It tells of the pair that comes nearest.

    Args:
        best: the pairs at the least p that each can have (`at_best`).
        tests: how many they were adjusted for.
    """
    if any(pair.settled for pair in best):
        return None
    nearest = min(best, key=lambda pair: pair.p)
    (first, second), needed = nearest.runs, seeds_needed(tests)
    over = "" if tests == 1 else f", over {tests} tests {nearest.adjusted:.2g}"
    return (
        f"No star can be given: the least p that {plural(first, 'run')} against "
        f"{second} can give is {nearest.p:.2g}{over}; that takes {needed} seeds."
    )


def seeds_needed(tests: int, level: float = LEVEL) -> int:
    """Returns the fewest seeds with which one of so many tests could tell a pair."""
    seeds = 2
    while smallest_p(seeds, seeds) * tests >= level:
        seeds += 1
    return seeds


def all_pairs(scores: Scores) -> tuple[Pair, ...]:
    """Returns every pair of contenders on every task that both have runs of.

    They are adjusted together, for all pairs and tasks: which pair is asked about, and
    which of its tasks is pointed at, is chosen after the scores were seen.
    """
    there = scores.counts > 0
    return adjusted(
        [
            _pair(scores, task, *names)
            for place, task in enumerate(scores.tasks)
            for names in combinations(compress(scores.contenders, there[:, place]), 2)
        ]
    )


def pairs_of(family: Sequence[Pair], first: str, second: str) -> tuple[Pair, ...]:
    """Returns the first contender against the second, on each of their tasks."""
    names = [(pair.first, pair.second) for pair in family]
    return tuple(
        pair if own == (first, second) else pair.swapped()
        for pair, own in zip(family, names, strict=True)
        if set(own) == {first, second}
    )


def adjusted(family: Sequence[Pair]) -> tuple[Pair, ...]:
    """Returns pairs with p-values and stars for all of them together."""
    levels = holm([pair.p for pair in family]).tolist()
    return tuple(
        replace(pair, adjusted=p, stars=stars(p))
        for pair, p in zip(family, levels, strict=True)
    )


def _pair(scores: Scores, task: str, first: str, second: str) -> Pair:
    ours, theirs = scores.sample(first, task), scores.sample(second, task)
    share, runs = superiority(ours, theirs), (ours.size, theirs.size)
    p = superiority_test(share, *runs)
    return Pair(
        task=task,
        first=first,
        second=second,
        runs=runs,
        means=(float(ours.mean()), float(theirs.mean())),
        superiority=share,
        interval=superiority_interval(share, *runs),
        effect=hedges(ours, theirs),
        p=p,
        adjusted=p,
        stars=stars(p),
    )
