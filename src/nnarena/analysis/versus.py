"""Does one contender beat another: one sentence, and the tasks it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator

from .aggregates import mean_over_tasks
from .bootstrap import (
    Interval,
    difference_interval,
    probability_of_lead,
)
from .pairs import FEW_SEEDS, Pair, contender_pairs, why_no_stars
from .scores import Scores
from .signed_rank import Posterior, signed_rank
from .verdict import LIKELY, probability_text
from .words import listed


Answer = Literal["better", "worse", "cannot tell"]


@dataclass(frozen=True)
class Versus:
    """The first contender against the second, on the tasks that both have runs of.

    `overall` are their mean credited scores, `gap` the first less the second with its
    interval, had the seeds been others; None where some task has a single run.
    `probability` is that of the first being ahead on these tasks, `posterior` what
    they say of a next one. `answer` is decided by the interval, and by five seeds.
    `left_out` are the tasks that only one has runs of.
    """

    first: str
    second: str
    tasks: tuple[Pair, ...]
    left_out: tuple[str, ...]
    seeds: int
    overall: tuple[float, float]
    gap: float
    interval: Interval | None
    probability: float | None
    posterior: Posterior
    answer: Answer
    sentence: str
    note: str | None


def versus(scores: Scores, first: str, second: str, rng: Generator) -> Versus:
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
    ours, theirs = both.values
    seeds = int(both.counts.min())
    overall = float(mean_over_tasks(ours)), float(mean_over_tasks(theirs))
    known = seeds > 1
    interval = difference_interval(ours, theirs, rng) if known else None
    probability = probability_of_lead(ours, theirs, rng) if known else None
    pairs = contender_pairs(scores, first, second)
    answer = _answer(interval, seeds)
    return Versus(
        first=first,
        second=second,
        tasks=pairs,
        left_out=_left_out(scores, both),
        seeds=seeds,
        overall=overall,
        gap=overall[0] - overall[1],
        interval=interval,
        probability=probability,
        posterior=signed_rank(np.subtract(*both.means), rng),
        answer=answer,
        sentence=_lead(both, overall, interval, probability, answer) + _by_task(pairs),
        note=why_no_stars(pairs),
    )


def _answer(interval: Interval | None, seeds: int) -> Answer:
    if interval is None or seeds < FEW_SEEDS or interval.low <= 0 <= interval.high:
        return "cannot tell"
    return "better" if interval.low > 0 else "worse"


def _left_out(scores: Scores, both: Scores) -> tuple[str, ...]:
    """The tasks on which one of the two has a run and the other has none."""
    places = [scores.contenders.index(name) for name in both.contenders]
    some = np.flatnonzero((scores.counts[places] > 0).any(axis=0))
    met = [scores.tasks[place] for place in some]
    return tuple(task for task in met if task not in both.tasks)


def _lead(
    both: Scores,
    overall: tuple[float, float],
    interval: Interval | None,
    probability: float | None,
    answer: Answer,
) -> str:
    first, second = both.contenders
    told = f"{overall[0]:.2f} against {overall[1]:.2f} overall"
    if interval is None or probability is None:
        return (
            f"With a single seed on some task the runs cannot tell {first} from "
            f"{second} ({told})"
        )
    ends = f"{interval.low:+.2f} to {interval.high:+.2f}"
    told = f"{told}, difference {overall[0] - overall[1]:+.2f}, 95 % interval {ends}"
    if answer != "cannot tell":
        verb = "beats" if answer == "better" else "is beaten by"
        return f"{first} {verb} {second} ({told})"
    likely = max(probability, 1 - probability)
    seeds = int(both.counts.min())
    if likely < LIKELY:
        return f"The runs cannot tell {first} from {second} ({told})"
    ahead, behind = (first, second) if probability > 0.5 else (second, first)
    few = f", but {seeds} seeds are too few to be sure" if seeds < FEW_SEEDS else ""
    return (
        f"The runs cannot tell for sure, but {ahead} is likely ahead of {behind} "
        f"({probability_text(likely)}; {told}){few}"
    )


def _by_task(pairs: Sequence[Pair]) -> str:
    """Where the first is better, where worse, and where it cannot be told."""
    groups = {
        "better on": [p.task for p in pairs if p.settled and p.superiority > 0.5],
        "worse on": [p.task for p in pairs if p.settled and p.superiority < 0.5],
        "undecided on": [p.task for p in pairs if not p.settled],
    }
    told = [f"{word} {listed(tasks)}" for word, tasks in groups.items() if tasks]
    return f"; task by task it is {', '.join(told)}."
