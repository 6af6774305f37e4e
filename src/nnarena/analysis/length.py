"""Score against length, and the effective length: how far back a contender remembers.

The effective length is the longest at which the score stays at or above a fixed bar,
there and at every shorter length that was run (the threshold of Hsieh et al. 2024,
"RULER: what's the real context size of your long-context language models?"). Each
length is its own task: contenders are trained at it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import Generator

from .bootstrap import CONFIDENCE, REPETITIONS, Interval, resample, sample_interval
from .frame import Row


@dataclass(frozen=True)
class LengthPoint:
    """The credited scores of a contender at one length; see `runs_frame`."""

    length: float
    task: str
    runs: int
    mean: float
    interval: Interval | None
    solved: int


@dataclass(frozen=True)
class LengthCurve:
    """A contender on the tasks of one name that differ in nothing but their length.

    `length_name` is the number that differs. `bar` is the credited score that solves
    the task, at each length its own. `effective` is the effective length, with the
    interval over seeds; 0 where the bar is not reached at the shortest. `at_least`
    says that it is the longest that was run, so that the truth may lie beyond.
    """

    contender: str
    task_name: str
    series: str
    length_name: str
    points: tuple[LengthPoint, ...]
    effective: float
    interval: Interval | None
    at_least: bool


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
    margins: np.ndarray,
    lengths: np.ndarray,
    rng: Generator,
    *,
    confidence: float = CONFIDENCE,
    repetitions: int = REPETITIONS,
) -> Interval | None:
    """Returns the percentile interval of the effective length, seeds drawn anew.

    Its ends are lengths that were run, or 0. None where a length has fewer than two
    runs.

    Raises:
        ValueError: a length has no run.
    """
    if (~np.isnan(margins)).sum(axis=0).min() < 2:
        return None
    draws = effective_length(resample(margins, rng, repetitions), lengths)
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], method="inverted_cdf")
    return Interval(float(low), float(high))


def length_curves(frame: pd.DataFrame, rng: Generator) -> tuple[LengthCurve, ...]:
    """Returns the curve of every contender in every series of two lengths or more.

    Args:
        frame: one row per run, from `runs_frame`.
        rng: the source of the bootstraps' draws.
    """
    groups: dict[tuple[str, str], dict[float, list[Row]]] = {}
    for row in frame.to_dict("records"):
        if not (np.isnan(row["credited"]) or np.isnan(row["length"])):
            own = groups.setdefault((row["series"], row["contender"]), {})
            own.setdefault(row["length"], []).append(dict(row))
    return tuple(
        _curve([own[length] for length in sorted(own)], rng)
        for own in groups.values()
        if len(own) > 1
    )


def _curve(groups: list[list[Row]], rng: Generator) -> LengthCurve:
    """Of the runs at each length, the shortest first."""
    first = groups[0][0]
    lengths = np.array([group[0]["length"] for group in groups], dtype=float)
    margins = np.full((max(map(len, groups)), len(groups)), np.nan)
    for column, group in enumerate(groups):
        margins[: len(group), column] = [_margin(row) for row in group]
    effective = float(effective_length(margins, lengths))
    names = ("contender", "task_name", "series", "length_name")
    return LengthCurve(
        **{name: first[name] for name in names},
        points=tuple(_point(group, rng) for group in groups),
        effective=effective,
        interval=effective_interval(margins, lengths, rng),
        at_least=bool(effective == lengths[-1]),
    )


def _point(group: list[Row], rng: Generator) -> LengthPoint:
    sample = np.array([row["credited"] for row in group])
    return LengthPoint(
        length=float(group[0]["length"]),
        task=group[0]["task"],
        runs=len(group),
        mean=float(sample.mean()),
        interval=sample_interval(sample, rng),
        solved=sum(row["solved"] for row in group),
    )


def _margin(row: Row) -> float:
    """By how much a run's credited score exceeds that of the bar."""
    bar = (row["bar"] - row["chance"]) / (row["best"] - row["chance"])
    return row["credited"] - bar
