"""Who beats whom: the differences of all pairs of contenders, and one rule for "beats".

The leaderboard's verdict, `arena compare A B` and the page all read what is said of a
pair from here, so that they cannot contradict each other.

The rule: one contender beats another where the interval of the difference of their
overall scores leaves out 0 and each has five runs or more on every task that both have
runs of. Otherwise the runs cannot tell. The intervals hold for all pairs of the store
at once: each has confidence 1 - 0.05 / pairs (Bonferroni), since who leads, and which
pair is asked about, is chosen after the scores were seen. So of a hundred stores of
contenders whose runs are distributed alike no more than five say "beats" anywhere; how
many do, and how many more where runs rarely end badly, is measured in
`tests/analysis/test_verdicts.py`.

Bonferroni and not Holm's procedure, which finds a little more: an interval then says
the same as its verdict.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from .intervals import CONFIDENCE, Ends, Interval, Moments, moments, weighted_ends
from .pairs import FEW_SEEDS
from .scores import Scores


Answer = Literal["beats", "is beaten by", "cannot tell"]

OPPOSITE: dict[Answer, Answer] = {
    "beats": "is beaten by",
    "is beaten by": "beats",
    "cannot tell": "cannot tell",
}


@dataclass(frozen=True)
class Difference:
    """The first contender against the second, on the tasks that both have runs of.

    `overall` are the means over these tasks of the mean scores, `gap` the first less
    the second, `interval` that of the gap, for all pairs of the store at once: None
    where some task has a single run of either, or no run of theirs varies. `seeds` is
    the fewest runs of either on a task.
    """

    first: str
    second: str
    tasks: int
    seeds: int
    overall: tuple[float, float]
    gap: float
    interval: Interval | None
    answer: Answer

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


@dataclass(frozen=True)
class Differences:
    """All pairs of contenders of a store that have a task in common."""

    pairs: tuple[Difference, ...]
    confidence: float = CONFIDENCE

    def of(self, first: str, second: str) -> Difference:
        """Returns the first contender against the second.

        Raises:
            KeyError: the two are no pair of the store.
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
    ends = _ends(scores, cells, pairs, weights)
    return Differences(
        tuple(
            _difference(scores, pair, ends.at(place), *figures)
            for place, (pair, *figures) in enumerate(
                zip(
                    *(part.tolist() for part in (pairs, tasks, seeds, overall)),
                    strict=True,
                )
            )
        )
    )


def _ends(
    scores: Scores, cells: Moments, pairs: np.ndarray, weights: np.ndarray
) -> Ends:
    """The intervals of the first less the second of each of `(pairs, 2)`."""
    wide = (len(pairs), 2 * len(scores.tasks))
    both = Moments(*(part[pairs].reshape(wide) for part in cells))
    signed = np.concatenate([weights, -weights], axis=1)
    split = np.broadcast_to(np.tile(scores.split, 2), signed.shape)
    confidence = 1 - (1 - CONFIDENCE) / max(len(pairs), 1)
    return weighted_ends(both, signed, split, confidence=confidence)


def _difference(
    scores: Scores,
    pair: list[int],
    interval: Interval | None,
    tasks: int,
    seeds: int,
    overall: list[float],
) -> Difference:
    first, second = overall
    return Difference(
        first=scores.contenders[pair[0]],
        second=scores.contenders[pair[1]],
        tasks=tasks,
        seeds=seeds,
        overall=(first, second),
        gap=first - second,
        interval=interval,
        answer=_answer(interval, seeds),
    )


def _answer(interval: Interval | None, seeds: int) -> Answer:
    if interval is None or seeds < FEW_SEEDS or interval.low <= 0 <= interval.high:
        return "cannot tell"
    return "beats" if interval.low > 0 else "is beaten by"


def why_untold(pair: Difference) -> str:
    """Returns why the runs cannot tell the two apart, whatever the scores; else ""."""
    if pair.seeds < 2:
        return "a single seed on some task says nothing of others"
    if pair.interval is None:
        return "the runs of each are equal, which says nothing of other seeds"
    if pair.seeds < FEW_SEEDS:
        return f"{pair.seeds} seeds are fewer than the {FEW_SEEDS} that a verdict takes"
    return ""
