"""Does one contender beat another: one sentence, and the tasks it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .differences import Answer, Difference, differences, why_untold
from .intervals import Interval
from .pairs import LEVEL, Pair, all_pairs, at_best, pairs_of, why_no_stars
from .scores import Scores
from .words import listed, plural


@dataclass(frozen=True)
class Versus:
    """The first contender against the second, on the tasks that both have runs of.

    `overall` are their mean scores, `gap` the first less the second with its interval,
    and `answer` what that says: the very figures that the leaderboard and the page have
    of this pair, for all pairs of the store at once (`family`). `tasks` are tests of
    this pair, adjusted for all `tests` of the store: each pair on each task. `left_out`
    are the tasks that only one has runs of.
    """

    first: str
    second: str
    tasks: tuple[Pair, ...]
    left_out: tuple[str, ...]
    seeds: int
    overall: tuple[float, float]
    gap: float
    interval: Interval | None
    family: str
    tests: int
    answer: Answer
    sentence: str
    note: str | None


def versus(scores: Scores, first: str, second: str) -> Versus:
    """Returns whether one contender of a store beats another, and how surely.

    Raises:
        ValueError: there is no such contender, it is the same twice, or the two have
            no task in common.
    """
    if first == second:
        raise ValueError(f"{first} cannot be compared with itself")
    both = scores.shared(first, second)
    if not both.tasks:
        raise ValueError(f"there is no task that both {first} and {second} have run")
    family = differences(scores)
    found = family.of(first, second)
    tests = all_pairs(scores)
    pairs = pairs_of(tests, first, second)
    return Versus(
        first=first,
        second=second,
        tasks=pairs,
        left_out=_left_out(scores, both),
        seeds=found.seeds,
        overall=found.overall,
        gap=found.gap,
        interval=found.interval,
        family=family.family,
        tests=len(tests),
        answer=found.answer,
        sentence=_lead(found, family.family) + _by_task(pairs, len(tests)),
        note=why_no_stars(pairs_of(at_best(tests), first, second), len(tests)),
    )


def _left_out(scores: Scores, both: Scores) -> tuple[str, ...]:
    """The tasks on which one of the two has a run and the other has none."""
    places = [scores.contenders.index(name) for name in both.contenders]
    some = np.flatnonzero((scores.counts[places] > 0).any(axis=0))
    met = [scores.tasks[place] for place in some]
    return tuple(task for task in met if task not in both.tasks)


def _lead(found: Difference, family: str) -> str:
    first, second = found.first, found.second
    told = (
        f"{found.overall[0]:.2f} against {found.overall[1]:.2f} overall, difference "
        f"{found.gap:+.2f}"
    )
    if found.interval is not None:
        ends = f"{found.interval.low:+.2f} to {found.interval.high:+.2f}"
        told = f"{told}, interval {ends}, {family}"
    if found.answer != "cannot tell":
        return f"{first} {found.answer} {second} ({told})"
    why = why_untold(found)
    end = f", as {why}" if why else ""
    return f"The runs cannot tell {first} from {second} ({told}){end}"


def _by_task(pairs: Sequence[Pair], tests: int) -> str:
    """Where the first is better, where worse, and where it cannot be told."""
    groups = {
        "better on": [p.task for p in pairs if p.settled and p.superiority > 0.5],
        "worse on": [p.task for p in pairs if p.settled and p.superiority < 0.5],
        "undecided on": [p.task for p in pairs if not p.settled],
    }
    told = [f"{word} {listed(tasks)}" for word, tasks in groups.items() if tasks]
    every = "the one test" if tests == 1 else f"all {plural(tests, 'test')}"
    family = f" (level {LEVEL} for {every} of the store)"
    return f"; task by task{family} it is {', '.join(told)}."
