"""What a person does, told by tags that are located one at a time."""

from pathlib import Path
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int64, UInt8

from ..core.numbers import AtLeastOne, held
from ..core.scoring import accuracy
from ..core.types import Classes, Example, Features, Sequence, Signature
from . import TASKS
from .base import AbstractTask, FiniteRows, Splits, shuffled_splits, with_unit_gaps
from .files import DataFolder, DataProblem, LocalFolder


WHOLE, PART = 164_860, 16_486
"""Readings in the published file, and in its first tenth."""

PUBLISHED = LocalFolder(
    "person",
    {"ConfLongDemo_JSI.txt": None},  # judged by its content: no digest is published
    "unpack the archive of https://archive.ics.uci.edu/dataset/196 into it, or put it "
    "beside it as person.zip",
)
FIRST_TENTH = LocalFolder(
    "person_partial",
    {
        "ConfLongDemo_JSI.first10pct.csv": (
            "fbed2baaf8b796ae8c23f55ef0d355c9a091d86144250c5fce8727d963b8d428"
        )
    },
    "the published file, in its own folder, serves as well",
)

TAGS = ("010-000-024-033", "010-000-030-096", "020-000-033-111", "020-000-032-221")
"""Left ankle, right ankle, chest, belt."""

CLASSES = {
    "lying": 0,
    "lying down": 0,
    "sitting": 1,
    "sitting down": 1,
    "standing up from lying": 2,
    "standing up from sitting": 2,
    "standing up from sitting on the ground": 2,
    "walking": 3,
    "falling": 4,
    "on all fours": 5,
    "sitting on the ground": 6,
}
"""The 11 activities of the file, merged to 7 as in the thesis."""

TICKS = 10_000_000
"""Ticks of the file's clock in a second."""

FIRST_SECONDS, LEAST_SECONDS = 0.05, 0.001
"""The time before a recording's first reading, and the least between two."""


class Readings(NamedTuple):
    """Located tags in the order of time: which, after how long, where, doing what."""

    tags: UInt8[np.ndarray, " rows"]
    seconds: Float[np.ndarray, " rows"]
    places: Float[np.ndarray, "rows 3"]
    labels: UInt8[np.ndarray, " rows"]


Recordings = dict[str, Readings]
"""Recordings by name: A01 is the first one of person A."""


class Windows(NamedTuple):
    """Rows of the task; an example is made of one."""

    tags: UInt8[np.ndarray, "rows window"]
    seconds: Float[np.ndarray, "rows window"]
    places: Float[np.ndarray, "rows window 3"]
    labels: UInt8[np.ndarray, " rows"]


def read_recordings(path: Path, *, whole: int, limit: int | None = None) -> Recordings:
    """Returns the recordings of a file of `whole` readings, or of the first `limit`.

    The published layout has no header; its columns are sequence, tag, ticks, date,
    x, y, z, activity. The other layout has a header, begins with a running number
    and has no date.

    Raises:
        DataProblem: the file is not such a list, or not all of it.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    headed = bool(lines) and lines[0].startswith("id")
    body = lines[1:] if headed else lines
    if len(body) != whole:
        raise DataProblem(
            f"the file {path} holds {len(body):,} readings, not {whole:,}; "
            f"delete it and {PUBLISHED.advice}"
        )
    columns = (1, 2, 3, 4, 5, 6, 7) if headed else (0, 1, 2, 4, 5, 6, 7)
    found: dict[str, list[tuple]] = {}
    for number, line in enumerate(body[:limit], start=1 + headed):
        try:
            fields = line.strip().split(",")
            name, tag, ticks, x, y, z, activity = (fields[c] for c in columns)
            reading = int(ticks), TAGS.index(tag), CLASSES[activity]
            found.setdefault(name, []).append((*reading, float(x), float(y), float(z)))
        except (ValueError, KeyError, IndexError) as error:
            raise DataProblem(
                f"the file {path} is not a list of readings (line {number}: "
                f"{line[:40]!r}); delete it and {PUBLISHED.advice}"
            ) from error
    return {name: _in_time(rows) for name, rows in found.items()}


def _in_time(rows: list[tuple]) -> Readings:
    """Returns the readings of one recording: a few of the file are out of order."""
    ticks, tags, labels, x, y, z = map(np.array, zip(*rows, strict=True))
    order = np.argsort(ticks, kind="stable")
    return Readings(
        tags=tags[order].astype(np.uint8),
        seconds=_elapsed(ticks[order]),
        places=np.stack([x, y, z], axis=-1)[order].astype(np.float32),
        labels=labels[order].astype(np.uint8),
    )


def _elapsed(ticks: Int64[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    # In whole numbers: a time of day in ticks has more digits than a float64.
    seconds = np.diff(ticks) / TICKS
    passed = np.concatenate([[FIRST_SECONDS], seconds])
    return np.maximum(passed, LEAST_SECONDS).astype(np.float32)


def _first_tenth(data: DataFolder, missing: DataProblem) -> Recordings:
    """Returns the recordings of the file that holds nothing else."""
    try:
        (path,) = data.folder(FIRST_TENTH)
    except DataProblem as also:
        raise DataProblem(f"{missing}; and for the excerpt, {also}") from also
    return read_recordings(path, whole=PART)


def split_recordings(
    recordings: Recordings,
) -> tuple[list[Readings], list[Readings], list[Readings]]:
    """Returns those to train on, to validate and to test with: whole people.

    The last person is for the test, the one before for validation. Where there are
    less than three people, recordings are split in this way instead.
    """
    people = {name[0] for name in recordings}
    length = 1 if len(people) >= 3 else None
    groups = sorted({name[:length] for name in recordings})
    sides = groups[:-2], groups[-2:-1], groups[-1:]
    train, validation, test = (
        [readings for name, readings in recordings.items() if name[:length] in side]
        for side in sides
    )
    return train, validation, test


def cut_windows(part: list[Readings], window: int, stride: int) -> Windows:
    """Returns windows within recordings, one every `stride` readings."""
    cut = []
    for readings in part:
        starts = np.arange(0, len(readings.labels) - window + 1, stride)
        chosen = starts[:, None] + np.arange(window)
        tags, seconds, places, labels = readings
        inputs = tags[chosen], seconds[chosen], places[chosen]
        cut.append((*inputs, labels[chosen[:, -1]]))
    return Windows(*map(np.concatenate, zip(*cut, strict=True)))


@TASKS.register(
    "activity",
    family="irregular time",
    source="vidulin2010localization",
    former={"timed": True},
)
class Activity(AbstractTask):
    """Name what a person does after a stretch of readings of four tags.

        tag         ankle  chest   belt  ankle  ...   belt
        x            4.06   4.29   4.36   4.09  ...   4.23
        y            1.89   1.78   1.83   1.88  ...   1.98
        z            0.51   1.34   0.97   0.47  ...   0.89   ->  walking
        time         1.52   1.52   0.91   0.91  ...

    Tests how readings that come one tag at a time, at uneven times, are put together.
    UCI's Localization Data for Person Activity: 5 people, 5 recordings each, 164,860
    readings. A step is a tag (one-hot of 4) and its place; its elapsed time is that
    since the reading before, in units of the mean gap of the training windows. Windows
    of `window` readings start every `stride` readings (the thesis's 4 gives four times
    the rows); the answer is the activity at the last one, of 7: lying, sitting,
    standing up, walking, falling, on all fours, sitting on the ground. A, B and C
    train, D validates, E tests: the usual random split of overlapping windows tests on
    readings seen in training. With `scaled`, places have mean 0 and variance 1 over the
    training recordings. With `rows` (the thesis: 40,000) the first so many windows, or
    as many as there are, are shuffled and split in tenths instead, as the thesis did:
    windows of stride 4 share 60 of 64 readings with their neighbors, so that this split
    leaks. Readings are put in order of time, as a few are not in the file. With `timed`
    true, not "scaled", time is in seconds, of which a gap of the excerpt takes 0.033 in
    the mean; with false every step takes 1.

    `excerpt` takes the first tenth of the file, recordings A01, A02 and the better
    part of A03 of one person: they train, validate and test, in this order.

    The answer is given once, after the last reading: no input is later.

    Score: accuracy. Chance 0.368, the share of lying among all readings (60,648 of
    them); with `excerpt` 0.423, its share among the test windows (130 of 307 by
    default). Solved at 0.9, the thesis's bar.
    """

    window: int = eqx.field(static=True)
    stride: int = eqx.field(static=True)
    scaled: bool = eqx.field(static=True)
    timed: Literal["scaled"] | bool = eqx.field(static=True)
    excerpt: bool = eqx.field(static=True)
    rows: int | None = eqx.field(static=True)

    @held
    def __init__(
        self,
        *,
        window: AtLeastOne = 64,
        stride: AtLeastOne = 16,
        scaled: bool = True,
        timed: Literal["scaled"] | bool = "scaled",
        excerpt: bool = False,
        rows: FiniteRows | None = None,
    ):
        self.window, self.stride = window, stride
        self.scaled, self.timed = scaled, timed
        self.excerpt, self.rows = excerpt, rows

    @property
    def signature(self):
        return Signature(Features(len(TAGS) + 3), Classes(7))

    @property
    def scoring(self):
        return accuracy(chance=0.423 if self.excerpt else 0.368)

    def splits(self, data: DataFolder, *, key):
        recordings = self._recordings(data)
        parts = split_recordings(recordings)  # by name, the same for everyone
        mean, scale = np.zeros(3), np.ones(3)
        if self.scaled:
            known = np.concatenate([r.places for r in parts[0]]).astype(float)
            mean, scale = known.mean(axis=0), known.std(axis=0)

        def windows(part: list[Readings]) -> Windows:
            cut = cut_windows(part, self.window, self.stride)
            places = ((cut.places - mean) / scale).astype(np.float32)
            return cut._replace(places=places)

        if self.rows is not None:
            every = windows(list(recordings.values()))
            first = jax.tree.map(lambda column: column[: self.rows], every)
            return self._in_time(shuffled_splits(first, key=key))
        train, validation, test = map(windows, parts)
        if not all(len(part.labels) for part in (train, validation, test)):
            raise DataProblem(
                f"no recording of a split holds a window of {self.window:,} readings; "
                "take a smaller one"
            )
        return self._in_time(Splits(train=train, validation=validation, test=test))

    def _in_time(self, splits: Splits) -> Splits:
        scaled = self.timed == "scaled"
        return with_unit_gaps(splits, lambda rows: rows.seconds) if scaled else splits

    def _recordings(self, data: DataFolder) -> Recordings:
        """Returns the recordings asked for, from whichever file holds them."""
        limit = PART if self.excerpt else None
        try:
            (path,) = data.folder(PUBLISHED)
        except DataProblem as missing:
            if not self.excerpt:
                raise
            return _first_tenth(data, missing)
        return read_recordings(path, whole=WHOLE, limit=limit)

    def example(self, row):
        tags, seconds, places, label = row
        xs = jnp.concatenate([jax.nn.one_hot(tags, len(TAGS)), places], axis=-1)
        question = Sequence(xs, seconds if self.timed else None)
        return Example(question, label.astype(jnp.int32))
