"""Who beats whom: the differences of all pairs of contenders, and one rule for "beats".

The leaderboard's verdict, `arena compare A B` and the page all read what is said of a
pair from here, so that they cannot contradict each other.

The rule: one contender beats another where the interval of the difference of their
overall scores leaves out 0 and each has five runs or more on every task of the store.
Otherwise the runs cannot tell: a contender that failed on the hard tasks would else
beat the one that solved them, and three of which each lacks a task beat each other in a
circle. The intervals hold for all pairs of the store
at once: each has confidence 1 - 0.05 / pairs (Bonferroni), since who leads, and which
pair is asked about, is chosen after the scores were seen.

Runs may end badly now and then, or well, and n runs may all have missed it: that none
ended so is no sign that none can. No end lies below the least that a run of its task
can count, or above a perfect answer. So an interval is never narrower than what so few
runs can know of such ends, in all cells alike, whatever their runs look like. To either
side it reaches as far as any of three:

- Student's interval, of the runs as they are;
- Student's, with two perfect runs and two of the least that a run can count added in
  all, shared out over the cells (`weighted_ends`): ends that came, but too seldom;
- the difference, moved by such ends of both contenders that all their runs miss with
  half the chance that the confidence leaves (`unseen_shift`): ends that did not come.

So of a hundred stores of contenders with equal means about five say "beats" anywhere,
or fewer; `tests/analysis/test_verdicts.py` measures it.

Bonferroni and not Holm's procedure, which finds a little more: an interval then says
the same as its verdict.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from .intervals import (
    CONFIDENCE,
    Ends,
    Interval,
    Moments,
    moments,
    unseen_shift,
    weighted_ends,
    widest,
    within,
)
from .scores import Scores


FEW_SEEDS = 5
"""Below this many seeds a verdict says that they are too few."""

Answer = Literal["beats", "is beaten by", "cannot tell"]

OPPOSITE: dict[Answer, Answer] = {
    "beats": "is beaten by",
    "is beaten by": "beats",
    "cannot tell": "cannot tell",
}


@dataclass(frozen=True)
class Difference:
    """The first contender against the second, on the tasks that both have runs of.

    These are `tasks` of the `of_tasks` of the store. `overall` are the means over these
    tasks of the mean scores, `gap` the first less the second, `interval` that of the
    gap, for all pairs of the store at once: None where some task has a single run of
    either. `seeds` is the fewest runs of either on a task. `unseen` is how far ends
    that have not come yet may move the gap towards 0 and past it, the least that the
    interval reaches there; `apart` whether the runs that have come differ by more than
    they scatter.
    """

    first: str
    second: str
    tasks: int
    of_tasks: int
    seeds: int
    overall: tuple[float, float]
    gap: float
    interval: Interval | None
    unseen: float
    apart: bool
    answer: Answer

    @property
    def complete(self) -> bool:
        """Whether both have runs of every task of the store."""
        return self.tasks == self.of_tasks

    def swapped(self) -> "Difference":
        """Returns the second against the first."""
        ends = self.interval
        return replace(
            self,
            first=self.second,
            second=self.first,
            overall=self.overall[::-1],
            gap=-self.gap,
            interval=None if ends is None else Interval(-ends.high, -ends.low),
            answer=OPPOSITE[self.answer],
        )


class Gaps(NamedTuple):
    """Differences `(...)`: their ends, those of scatter alone, and unseen ones.

    `falls` and `rises` are how far ends that have not come may move each down and up.
    """

    ends: Ends
    scatter: Ends
    falls: np.ndarray
    rises: np.ndarray


@dataclass(frozen=True)
class Differences:
    """All pairs of contenders of a store that have a task in common."""

    pairs: tuple[Difference, ...]
    confidence: float = CONFIDENCE

    def of(self, first: str, second: str) -> Difference:
        """Returns the first contender against the second.

        Raises:
            KeyError: the two are not a pair of the store.
        """
        for pair in self.pairs:
            if (pair.first, pair.second) == (first, second):
                return pair
            if (pair.first, pair.second) == (second, first):
                return pair.swapped()
        raise KeyError(f"{first} and {second} have no task in common")

    @property
    def family(self) -> str:
        """For how many pairs the intervals hold: "95 % for all 15 pairs at once"."""
        percent = f"{100 * self.confidence:g} %"
        count = len(self.pairs)
        return percent if count < 2 else f"{percent} for all {count} pairs at once"


def differences(scores: Scores) -> Differences:
    """Returns all pairs of contenders, each in the order in which the scores list them.

    Pairs without a task that both have a run of are left out.
    """
    count = scores.counts
    pairs = np.array(
        [
            (first, second)
            for first, second in combinations(range(len(count)), 2)
            if ((count[first] > 0) & (count[second] > 0)).any()
        ],
        dtype=int,
    ).reshape(-1, 2)
    shared = np.all(count[pairs] > 0, axis=1)  # (pairs, tasks)
    tasks = shared.sum(axis=1)
    weights = shared / tasks[:, None]
    cells = moments(scores.values)
    means = np.where(shared[:, None], cells.means[pairs], 0.0)
    overall = (means * weights[:, None]).sum(axis=-1)
    seeds = np.where(shared[:, None], count[pairs], count.max()).min(axis=(1, 2))
    confidence = 1 - (1 - CONFIDENCE) / max(len(pairs), 1)
    found = gaps_between(
        *_sums(scores, cells, pairs, weights),
        least=np.tile(scores.least, 2),
        confidence=confidence,
    )
    unseen = np.where(overall[:, 0] < overall[:, 1], found.rises, found.falls)
    span = 1.0 - (weights * scores.least).sum(axis=1)
    figures = (part.tolist() for part in (pairs, tasks, seeds, overall, unseen, span))
    return Differences(
        tuple(
            _difference(scores, found, place, *own)
            for place, own in enumerate(zip(*figures, strict=True))
        )
    )


def gaps_between(
    both: Moments,
    signed: np.ndarray,
    *,
    least: np.ndarray | float,
    confidence: float,
) -> Gaps:
    """Returns the intervals of differences of two contenders, by the module's rule.

    Args:
        both: the runs of the cells of both `(..., cells)`.
        signed: what a cell counts in the difference, above 0 of the first, below 0 of
            the second, 0 where it is not part of it: `(..., cells)`.
        least: the least that a run of each cell can count: `(..., cells)`.
        confidence: how often each interval holds the truth.
    """
    part, runs = signed != 0, np.maximum(both.counts, 1.0)
    down = np.where(part, np.maximum(both.means - least, 0.0), 0.0)
    up = np.where(part, np.maximum(1.0 - both.means, 0.0), 0.0)
    scatter = weighted_ends(both, signed, ~part, confidence=confidence)
    added = weighted_ends(both, signed, part, confidence=confidence, worst=least)
    gaps = (signed * np.where(part, both.means, 0.0)).sum(axis=-1)

    def unseen(far: np.ndarray) -> np.ndarray:
        return unseen_shift(np.abs(signed) * far, runs, confidence)

    falls = unseen(np.where(signed > 0, down, up))
    rises = unseen(np.where(signed > 0, up, down))
    ends = widest(scatter, added, Ends(gaps - falls, gaps + rises))
    return Gaps(ends, scatter, falls, rises)


def _sums(
    scores: Scores, cells: Moments, pairs: np.ndarray, weights: np.ndarray
) -> tuple[Moments, np.ndarray]:
    """The cells of both of each of `(pairs, 2)`, and how they are added up."""
    wide = (len(pairs), 2 * len(scores.tasks))
    both = Moments(*(part[pairs].reshape(wide) for part in cells))
    return both, np.concatenate([weights, -weights], axis=1)


def _difference(
    scores: Scores,
    found: Gaps,
    place: int,
    pair: list[int],
    tasks: int,
    seeds: int,
    overall: list[float],
    unseen: float,
    span: float,
) -> Difference:
    first, second = overall
    scatter = found.scatter.at(place)
    ends = None if seeds < 2 else found.ends.at(place)
    interval = within(ends, first - second, -span, span)
    told = tasks == len(scores.tasks) and seeds >= FEW_SEEDS
    return Difference(
        first=scores.contenders[pair[0]],
        second=scores.contenders[pair[1]],
        tasks=tasks,
        of_tasks=len(scores.tasks),
        seeds=seeds,
        overall=(first, second),
        gap=first - second,
        interval=interval,
        unseen=unseen,
        apart=scatter is not None and not scatter.low <= 0 <= scatter.high,
        answer=_answer(interval) if told else "cannot tell",
    )


def _answer(interval: Interval | None) -> Answer:
    if interval is None or interval.low <= 0 <= interval.high:
        return "cannot tell"
    return "beats" if interval.low > 0 else "is beaten by"


def why_untold(pair: Difference) -> str:
    """Returns why the runs cannot tell the two apart though they differ; else ""."""
    if not pair.complete:
        both = "the one task" if pair.tasks == 1 else f"the {pair.tasks} tasks"
        return (
            f"a verdict is over all {pair.of_tasks} tasks, and this is over {both} "
            "that both have a score on"
        )
    if pair.seeds < 2:
        return "a single seed on some task says nothing of others"
    if pair.seeds < FEW_SEEDS:
        return f"{pair.seeds} seeds are fewer than the {FEW_SEEDS} that a verdict takes"
    if pair.apart and pair.answer == "cannot tell":
        return "rare ends that so few runs may all have missed could turn the order"
    return ""
