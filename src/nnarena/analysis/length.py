"""Score against length, and the effective length: how far back a contender remembers.

The effective length is the longest at which the score stays at or above a fixed bar,
there and at every shorter length that was run (the threshold of Hsieh et al. 2024,
"RULER: what's the real context size of your long-context language models?"). Each
length is its own task: contenders are trained at it. What those trained at one length
answer at the others is in `evaluations`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .frame import Row
from .intervals import Interval, cell_interval, within
from .scores import all_or_none_tasks, floor_of


@dataclass(frozen=True)
class LengthPoint:
    """What the runs of a contender count at one length; see `runs_frame`.

    `bar` is what solves the task, on the same scale. `one_level` says that no
    contender's runs split on the task: the interval knows nothing of a rare other end,
    as that of a cell (`standing.py`).
    """

    length: float
    task: str
    runs: int
    mean: float
    interval: Interval | None
    solved: int
    bar: float
    one_level: bool


@dataclass(frozen=True)
class LengthCurve:
    """A contender on the tasks of one name that differ in nothing but their length.

    Trained at each length by itself; or at the length `trained` alone, and then
    asked the test sets of the others. `length_name` is the setting that differs.
    `effective` is the effective length; 0 where the bar is not reached at the
    shortest. `interval` reaches from the longest length up to which the intervals
    of all means lie above the bar to the longest up to which they reach it; None
    where some mean has none. `one_level` says that some length is: where runs end
    otherwise now and then, the interval holds less often than it says. `at_least` says
    that `effective` is the longest that was run, so that the truth may lie beyond.
    """

    contender: str
    task_name: str
    series: str
    length_name: str
    points: tuple[LengthPoint, ...]
    effective: float
    interval: Interval | None
    one_level: bool
    at_least: bool
    trained: float | None = None


def effective_length(
    margins: np.ndarray, lengths: np.ndarray
) -> np.ndarray | np.floating:
    """Returns the longest length up to which the mean margin is never below zero.

    Args:
        margins: scores less the bar `(..., runs, lengths)`, NaN where there is no run.
        lengths: `(lengths,)`, rising.

    Returns:
        `(...)`; 0 where the shortest already fails.
    """
    # A mean of scores that equal the bar may miss it by rounding.
    held = np.nanmean(margins, axis=-2) >= -1e-12
    count = np.logical_and.accumulate(held, axis=-1).sum(axis=-1)
    return np.concatenate([[0.0], lengths])[count]


def effective_interval(
    intervals: Sequence[Interval | None], bars: np.ndarray, lengths: np.ndarray
) -> Interval | None:
    """Returns the interval of the effective length; its ends were run, or are 0.

    Args:
        intervals: of the mean score at each length.
        bars: the score that solves the task at each length `(lengths,)`.
        lengths: `(lengths,)`, rising.
    """
    known = [ends for ends in intervals if ends is not None]
    if len(known) < len(intervals):
        return None
    low, high = (np.array(ends) - bars for ends in zip(*known, strict=True))
    return Interval(
        float(effective_length(low[None], lengths)),
        float(effective_length(high[None], lengths)),
    )


def length_curves(frame: pd.DataFrame) -> tuple[LengthCurve, ...]:
    """Returns the curve of every contender in every series of two lengths or more.

    Args:
        frame: one row per run, from `runs_frame`.
    """
    rows = [dict(row) for row in frame.to_dict("records")]
    split = all_or_none_tasks(rows)
    groups: dict[tuple[str, str], dict[float, list[Row]]] = {}
    for row in rows:
        if not (np.isnan(row["counted"]) or np.isnan(row["length"])):
            own = groups.setdefault((row["series"], row["contender"]), {})
            own.setdefault(row["length"], []).append(row)
    return tuple(
        curve_of([own[length] for length in sorted(own)], split)
        for own in groups.values()
        if len(own) > 1
    )


def curve_of(
    groups: Sequence[list[Row]], split: frozenset[str], trained: float | None = None
) -> LengthCurve:
    """Returns the curve of a contender's runs at each length, the shortest first.

    Args:
        groups: what the runs count at each length, rows of `runs_frame`.
        split: the tasks that are all-or-none.
        trained: the length that all of them were trained at, if it is one.
    """
    first = groups[0][0]
    points = tuple(_point(group, split) for group in groups)
    lengths = np.array([point.length for point in points])
    bars = np.array([point.bar for point in points])
    means = np.array([point.mean for point in points])
    effective = float(effective_length((means - bars)[None], lengths))
    names = ("contender", "task_name", "series", "length_name")
    return LengthCurve(
        **{name: first[name] for name in names},
        points=points,
        effective=effective,
        interval=effective_interval([p.interval for p in points], bars, lengths),
        one_level=any(point.one_level for point in points),
        at_least=bool(effective == lengths[-1]),
        trained=trained,
    )


def _point(group: list[Row], split: frozenset[str]) -> LengthPoint:
    sample = np.array([row["counted"] for row in group])
    task = group[0]["task"]
    solved = sum(row["solved"] for row in group)
    least = floor_of(group[0])
    ends = cell_interval(sample, split=task in split, worst=least)
    return LengthPoint(
        length=float(group[0]["length"]),
        task=task,
        runs=len(group),
        mean=float(sample.mean()),
        interval=within(ends, float(sample.mean()), least, 1.0),
        solved=solved,
        bar=_bar(group[0]),
        one_level=task not in split,
    )


def _bar(row: Row) -> float:
    """The normalized score that solves a run's task."""
    return (row["bar"] - row["chance"]) / (row["best"] - row["chance"])
