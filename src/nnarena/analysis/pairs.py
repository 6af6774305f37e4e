"""Two contenders on one task: is one better, by how much, and how surely.

Everything rests on the order of runs, so that a metric's scale and one run that went
very wrong do not decide: the Mann-Whitney statistic in its exact permutation
distribution, ties and all, and the probability that a run of one beats a run of the
other. Over several pairs p-values are adjusted by Holm's procedure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, compress

import numpy as np
from scipy import optimize, stats

from .intervals import CONFIDENCE, Interval
from .scores import Scores


FEW_SEEDS = 5
"""Below this many seeds no stars are given, and a verdict says they are too few."""

LEVEL = 0.05
"""The significance level of all tests."""

EXACT_RUNS = 50
"""Up to this many runs of both together the test is exact, beyond it asymptotic."""


@dataclass(frozen=True)
class Pair:
    """The first contender against the second on one task; plus means first is better.

    `superiority` is the probability that a run of the first beats one of the second,
    a tie counting one half, with `interval`. `effect` is Hedges' g, None where no run
    varies. `p` is two-sided; `adjusted` is p after Holm's procedure over its family.
    `stars` is "", "*", "**" or "***" for adjusted p below 0.05, 0.01 and 0.001, and
    None where either has fewer than five seeds (`why_no_stars`). `few` says just that
    of the seeds: `interval` then holds less often than it says.
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
    stars: str | None
    few: bool

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


def rank_test(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the two-sided p-value of the Mann-Whitney test of `(runs,)` each.

    Exact given the ties, over all ways to deal the runs to the two contenders (Pitman
    1937; the ways are counted by Streitberg and Roehmel's shift algorithm, 1986), as
    long as there are no more than `EXACT_RUNS`; beyond that by the normal
    approximation with correction for ties.

    Raises:
        ValueError: a sample is empty.
    """
    if not (first.size and second.size):
        raise ValueError("a test needs runs of both contenders")
    together = np.concatenate([first, second])
    if np.ptp(together) == 0:
        return 1.0
    if together.size > EXACT_RUNS:
        return float(stats.mannwhitneyu(first, second, method="asymptotic").pvalue)
    ranks = np.rint(2 * stats.rankdata(together)).astype(int)
    ways = _ways(ranks, first.size)
    center = first.size * ranks.sum() / ranks.size
    gap = abs(ranks[: first.size].sum() - center)
    far = np.abs(np.arange(ways.size) - center) >= gap - 1e-9
    return float(ways[far].sum() / ways.sum())


def smallest_p(first: int, second: int) -> float:
    """Returns the least p-value that a rank test of so many runs can give."""
    return min(1.0, 2 / math.comb(first + second, first))


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
    """Returns the interval of a probability of superiority of so many runs each.

    Newcombe 2006, "Confidence intervals for an effect size measure based on the
    Mann-Whitney statistic", method 5: a score interval, which stays inside [0, 1] and
    has width where all runs of one beat all of the other.
    """
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    half = (first + second) / 2 - 1

    def beyond(x: float) -> float:
        growth = 1 + half * ((1 - x) / (2 - x) + x / (1 + x))
        return (x - share) ** 2 - z * z * x * (1 - x) * growth / (first * second)

    def root(*bracket: float) -> float:
        return float(optimize.root_scalar(beyond, bracket=bracket).root)

    # Where all runs of one win, the far end of the bracket is a root of its own.
    low = 0.0 if share <= 0 else root(0.0, min(share, 1 - 1e-9))
    high = 1.0 if share >= 1 else root(max(share, 1e-9), 1.0)
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


def stars(p: float, seeds: int) -> str | None:
    """Returns "", "*", "**" or "***"; None for fewer than five seeds."""
    if seeds < FEW_SEEDS:
        return None
    return "*" * sum(p < level for level in (0.05, 0.01, 0.001))


def at_best(family: Sequence[Pair]) -> tuple[Pair, ...]:
    """Returns every pair at the least p that its own runs can give.

    There Holm's procedure adjusts each of them least.
    """
    return adjusted(
        [replace(pair, p=min(pair.p, smallest_p(*pair.runs))) for pair in family]
    )


def why_no_stars(best: Sequence[Pair], tests: int) -> str | None:
    """Returns the sentence that says why no pair can have a star; None if one can.

    It tells of the pair that comes nearest.

    Args:
        best: the pairs at the least p that each can have (`at_best`).
        tests: how many they were adjusted for.
    """
    if any(pair.settled for pair in best):
        return None
    nearest = max(best, key=lambda pair: (min(*pair.runs, FEW_SEEDS), -pair.p))
    (first, second), seeds = nearest.runs, min(nearest.runs)
    if seeds < FEW_SEEDS:
        return (
            f"No stars: {seeds} {'seed is' if seeds == 1 else 'seeds are'} fewer than "
            f"{FEW_SEEDS}, and the least p that {first} against {second} can give is "
            f"{nearest.p:.2g}."
        )
    return (
        f"No star can be given: the least p that {first} against {second} seeds can "
        f"give is {nearest.p:.2g}, over {tests} tests {nearest.adjusted:.2g}; that "
        f"takes {seeds_needed(tests)} seeds."
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
        Pair(**{**vars(pair), "adjusted": p, "stars": stars(p, min(pair.runs))})
        for pair, p in zip(family, levels, strict=True)
    )


def _pair(scores: Scores, task: str, first: str, second: str) -> Pair:
    ours, theirs = scores.sample(first, task), scores.sample(second, task)
    share, p = superiority(ours, theirs), rank_test(ours, theirs)
    fewest = min(ours.size, theirs.size)
    return Pair(
        task=task,
        first=first,
        second=second,
        runs=(ours.size, theirs.size),
        means=(float(ours.mean()), float(theirs.mean())),
        superiority=share,
        interval=superiority_interval(share, ours.size, theirs.size),
        effect=hedges(ours, theirs),
        p=p,
        adjusted=p,
        stars=stars(p, fewest),
        few=fewest < FEW_SEEDS,
    )


def _ways(ranks: np.ndarray, size: int) -> np.ndarray:
    """In how many ways `size` of the ranks have a sum: `(sums,)`, from 0."""
    ways = np.zeros((size + 1, ranks.sum() + 1))
    ways[0, 0] = 1.0
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    return ways[size]
