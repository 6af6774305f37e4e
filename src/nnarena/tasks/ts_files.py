"""Reading `.ts` files: labeled time series of the UEA and UCR archives.

    # a comment
    @problemName Gestures
    @timeStamps false
    @classLabel true left right
    @data
    1.0,2.0,?:0.1,0.2,0.3:left
    1.5,2.5:0.4,0.5:right

A line of data is a series: its dimensions and at last its class, separated by colons.
Of a dimension values are separated by commas and a missing one is `?`; with time
stamps each is a pair, (time,value), of which the time is a number or a date.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from .files import DataProblem


class Series(NamedTuple):
    """One series: its values, NaN where missing, when they were read, and its class.

    The last step has a value. Without time stamps `times` is None; else they are
    numbers, or seconds, and rise. The class is a place in the list of the file.
    """

    values: Float[np.ndarray, "time dimensions"]
    times: Float[np.ndarray, " time"] | None
    label: int


class SeriesFile(NamedTuple):
    """The classes of a file, by the names in its header, and its series."""

    classes: tuple[str, ...]
    series: list[Series]

    @property
    def dimensions(self) -> int:
        """How many values a step has."""
        return self.series[0].values.shape[1]


def read_series(path: Path, advice: str) -> SeriesFile:
    """Returns the content of a `.ts` file.

    Args:
        path: where it is.
        advice: where to get a sound one, in a clause.

    Raises:
        DataProblem: it is not such a file, or its series have no classes.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return _parsed(lines)
    except (ValueError, OSError) as error:
        raise DataProblem(
            f"the file {path} cannot be read as labeled time series: {error}; delete "
            f"it and {advice}"
        ) from error


def _parsed(lines: Sequence[str]) -> SeriesFile:
    numbered = [
        (number, line.strip())
        for number, line in enumerate(lines, start=1)
        if line.strip() and line.strip()[0] not in "#%"
    ]
    words = [line.split() for _, line in numbered]
    starts = [place for place, (word, *_) in enumerate(words) if _is_data(word)]
    if not starts:
        raise ValueError("it has no line @data")
    header = {word.lower(): values for word, *values in words[: starts[0]]}
    classes, timed = _classes(header), _is_true(header, "@timestamps")
    series = list(_series(numbered[starts[0] + 1 :], classes, timed))
    sizes = sorted({one.values.shape[1] for one in series})
    if len(sizes) != 1:
        raise ValueError(
            f"its series have {' and '.join(map(str, sizes))} dimensions"
            if sizes
            else "it holds no series"
        )
    return SeriesFile(classes, series)


def _is_data(word: str) -> bool:
    return word.lower() == "@data"


def _is_true(header: dict[str, list[str]], word: str) -> bool:
    return [value.lower() for value in header.get(word, [])][:1] == ["true"]


def _classes(header: dict[str, list[str]]) -> tuple[str, ...]:
    if _is_true(header, "@targetlabel"):
        raise ValueError("its targets are numbers, where classes are asked for")
    if not _is_true(header, "@classlabel"):
        raise ValueError("its header has no line @classLabel true")
    names = tuple(header["@classlabel"][1:])
    if len(set(names)) != len(names) or len(names) < 2:
        raise ValueError(f"its header names {len(set(names))} different classes")
    return names


def _series(
    numbered: Sequence[tuple[int, str]], classes: tuple[str, ...], timed: bool
) -> Iterator[Series]:
    for number, line in numbered:
        try:
            yield _one(line, classes, timed)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error


def _one(line: str, classes: tuple[str, ...], timed: bool) -> Series:
    data, colon, name = line.rpartition(":")
    if not colon or name.strip() not in classes:
        raise ValueError(f"{name.strip()[:40]!r} is none of the classes of the header")
    # A date holds colons too, but none that follows a bracket.
    dimensions = re.split(r"(?<=\))\s*:", data) if timed else data.split(":")
    columns = [
        _timed(one) if timed else (_numbers(one.split(",")), None) for one in dimensions
    ]
    lengths = sorted({len(values) for values, _ in columns})
    if len(lengths) > 1:
        raise ValueError(
            f"its dimensions have {' and '.join(map(str, lengths))} values: give them "
            "equally many, ? where one is missing"
        )
    values = np.stack([values for values, _ in columns], axis=-1)
    there = np.flatnonzero(~np.isnan(values).all(axis=1))
    if not there.size:
        raise ValueError("it has no value that is not missing")
    end, label = int(there[-1]) + 1, classes.index(name.strip())
    return Series(values[:end], _common_times([t for _, t in columns], end), label)


def _numbers(words: Sequence[str]) -> np.ndarray:
    """Returns numbers, NaN where one is missing."""
    try:
        values = np.array([np.nan if w.strip() == "?" else float(w) for w in words])
    except ValueError:
        values = np.array([np.inf])
    if np.isinf(values).any():
        strange = next(word.strip() for word in words if not _is_number(word))
        raise ValueError(f"{strange[:40]!r} is not a number")
    return values


def _is_number(word: str) -> bool:
    try:
        return word.strip() == "?" or not np.isinf(float(word))
    except ValueError:
        return False


PAIR = re.compile(r"\s*\(([^()]*),([^(),]*)\)\s*(?:,|$)")


def _timed(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the values and times of a dimension with time stamps."""
    pairs, end = [], 0
    while end < len(text):
        found = PAIR.match(text, end)
        if found is None:
            raise ValueError(f"{text[end : end + 40]!r} is not a pair (time,value)")
        pairs.append(found)
        end = found.end()
    values = _numbers([pair[2] for pair in pairs])
    return values, np.array([_time(pair[1].strip()) for pair in pairs])


def _time(word: str) -> float:
    """Returns a time that is a number, or of a date the seconds since 1970."""
    try:
        return float(word)
    except ValueError:
        since = np.datetime64(word) - np.datetime64(0, "s")
        return float(since / np.timedelta64(1, "s"))


def _common_times(
    each: Sequence[Float[np.ndarray, " _"] | None], end: int
) -> np.ndarray | None:
    first, *others = each
    if first is None:
        return None
    if not all(np.array_equal(first, other) for other in others if other is not None):
        raise ValueError("its dimensions were read at different times")
    times = first[:end]
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise ValueError("its times do not rise from step to step")
    return times
