"""Any labeled set of the UEA and UCR archives of time series, by its name."""

import itertools
from typing import Annotated, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from pydantic import Field

from ..core.numbers import AtLeastOne, AtLeastTwo, held
from ..core.scoring import accuracy
from ..core.types import Classes, Example, Features, Key, Sequence, Signature
from . import TASKS
from .base import AbstractTask, Splits, random_order
from .files import DataFolder, DataProblem, LocalFolder
from .ts_files import Series, SeriesFile, read_series
from .uea_sets import HOST, KNOWN, Sizes


DatasetName = Annotated[str, Field(pattern="^[A-Za-z0-9_-]+$", max_length=100)]

Chance = Annotated[float, Field(gt=0, lt=1)]


class Recordings(NamedTuple):
    """Rows of the task, padded at their ends with zeros.

    `gaps` is None where the file has no time stamps, `lengths` where all are equal.
    """

    values: Float[np.ndarray, "rows time dimensions"]
    gaps: Float[np.ndarray, "rows time"] | None
    lengths: Int[np.ndarray, " rows"] | None
    labels: Int[np.ndarray, " rows"]


@TASKS.register("uea", family="recordings", source="bagnall2018uea")
class UEA(AbstractTask):
    """Name the class of a recorded time series: any `.ts` set of the archives.

        dataset = JapaneseVowels: a man says "ae", and which of nine it is, is asked

        coefficient 1    1.86   1.89   1.94   1.72   1.74  ...
        ... (12 of them, for 7 to 29 steps) ...                  ->  speaker 1
        coefficient 12   0.09   0.09   0.07   0.10   0.11  ...

    Tests what is told apart in recordings of all sorts: the UEA archive has those of
    several dimensions, the UCR archive those of one. Known by name are ACSF1,
    ArrowHead, BasicMotions, GunPoint, ItalyPowerDemand, JapaneseVowels, OSULeaf and
    PickupGestureWiimoteZ, which are downloaded. Of any other set put NAME_TRAIN.ts and
    NAME_TEST.ts, or NAME.zip, into the folder uea_ucr of the data folder and name its
    `dimensions`, `classes` and `chance`: if they are wrong, the error names the right
    ones. Such files have no known digest: a record says their name, not their content.

    Test series are those of the archive. Of each class a fifth of its training series,
    one at least where there are two, is held out to validate. With `scaled`, dimensions
    have mean 0 and variance 1 over the training series. Series of unequal length are
    padded; a value that is missing (`?`) is the last one of its dimension, and 0 where
    there is none yet. Time stamps become elapsed times in units of the mean training
    gap, which the first step of a series has taken. The answer is given once, after the
    last step: no input is later.

    Score: accuracy. Chance is the share, among test series, of the class that is most
    frequent in training; where several are, the mean of theirs (JapaneseVowels: 1/9).
    Solved at 0.9, which is little to ask of some sets: the last step of JapaneseVowels
    alone suffices for 0.94.
    """

    dataset: str = eqx.field(static=True)
    sizes: Sizes = eqx.field(static=True)
    scaled: bool = eqx.field(static=True)

    @held
    def __init__(
        self,
        *,
        dataset: DatasetName = "JapaneseVowels",
        dimensions: AtLeastOne | None = None,
        classes: AtLeastTwo | None = None,
        chance: Chance | None = None,
        scaled: bool = True,
    ):
        self.dataset, self.scaled = dataset, scaled
        self.sizes = _sizes(dataset, dimensions, classes, chance)

    @property
    def signature(self):
        return Signature(Features(self.sizes.dimensions), Classes(self.sizes.classes))

    @property
    def scoring(self):
        return accuracy(chance=self.sizes.chance)

    def splits(self, data: DataFolder, *, key):
        learned, test = self._files(data)
        _require_sizes(self.dataset, self.sizes, learned, test)
        train, validation = _hold_out(learned, key=key)
        return _rows(train, validation, test.series, scaled=self.scaled)

    def _files(self, data: DataFolder) -> tuple[SeriesFile, SeriesFile]:
        """Returns the training file and the test file."""
        known = KNOWN.get(self.dataset)
        if known is not None:
            advice = f"fetch it from {HOST}{self.dataset}"
            paths = [data.find(known.train), data.find(known.test)]
        else:
            folder = f"uea_ucr/{self.dataset}"
            advice = (
                "get it at https://www.timeseriesclassification.com and put it into "
                f"{folder}, or {self.dataset}.zip beside that"
            )
            names = [f"{self.dataset}_{part}.ts" for part in ("TRAIN", "TEST")]
            paths = data.folder(LocalFolder(folder, dict.fromkeys(names), advice))
        train, test = (read_series(path, advice) for path in paths)
        return train, test

    def example(self, row):
        time = jnp.arange(row.values.shape[0])
        present = None if row.lengths is None else time < row.lengths
        question = Sequence(row.values, row.gaps, present)
        return Example(question, row.labels.astype(jnp.int32))


def _sizes(
    name: str, dimensions: int | None, classes: int | None, chance: float | None
) -> Sizes:
    given = (dimensions, classes, chance)
    if name in KNOWN:
        if given != (None, None, None):
            raise ValueError(
                f"uea needs no dimensions, classes and chance of {name}, which it knows"
            )
        return KNOWN[name].sizes
    if dimensions is None or classes is None or chance is None:
        raise ValueError(
            f"uea needs the dimensions, classes and chance of {name}, as in "
            f"uea(dataset={name}, dimensions=1, classes=2, chance=0.5); where they are "
            "wrong, the error names the right ones; it knows those of "
            f"{', '.join(KNOWN)}"
        )
    return Sizes(dimensions, classes, chance)


def _require_sizes(
    name: str, sizes: Sizes, learned: SeriesFile, test: SeriesFile
) -> None:
    """Returns if two files are of one set, which is as was said.

    Raises:
        DataProblem: they are not; it tells what the set is.
    """
    if (learned.classes, learned.dimensions) != (test.classes, test.dimensions):
        raise DataProblem(
            f"the training and test files of {name} differ: {learned.dimensions} and "
            f"{test.dimensions} dimensions, classes {' '.join(learned.classes)[:100]} "
            f"and {' '.join(test.classes)[:100]}; take both from one archive"
        )
    found = Sizes(learned.dimensions, len(learned.classes), _chance(learned, test))
    if sizes[:2] != found[:2] or abs(sizes.chance - found.chance) > 0.005:
        raise DataProblem(
            f"the set {name} is not as was said: ask for uea(dataset={name}, "
            f"dimensions={found.dimensions}, classes={found.classes}, "
            f"chance={found.chance:.3g})"
        )


def _chance(learned: SeriesFile, test: SeriesFile) -> float:
    """Returns the share in the test of the class most frequent in training.

    Where several are the most frequent, it is the mean of their shares.
    """
    counts = [
        np.bincount([one.label for one in file.series], minlength=len(file.classes))
        for file in (learned, test)
    ]
    most = counts[0] == counts[0].max()
    return float(counts[1][most].mean() / counts[1].sum())


def _hold_out(learned: SeriesFile, *, key: Key) -> tuple[list[Series], list[Series]]:
    """Returns the series to train on, and a fifth of each class to validate."""
    series, train, validation = learned.series, [], []
    order = random_order(len(series), key=key)
    for label in range(len(learned.classes)):
        own = [series[place] for place in order if series[place].label == label]
        held = min(max(len(own) // 5, 1), len(own) - 1)
        validation += own[: max(held, 0)]
        train += own[max(held, 0) :]
    if not validation:
        raise DataProblem(
            "no class of the training file has two series, of which one could "
            "validate; take a larger set"
        )
    return train, validation


def _rows(
    train: list[Series], validation: list[Series], test: list[Series], *, scaled: bool
) -> Splits:
    """Returns series as rows of one length, in units of the training series."""
    every = [*train, *validation, *test]
    lengths = np.array([len(one.values) for one in every], np.int32)
    mean, scale = _units(train) if scaled else (0.0, 1.0)
    values = [_filled((one.values - mean) / scale) for one in every]
    rows = Recordings(
        values=_padded(values),
        gaps=_gaps(every, len(train)),
        lengths=None if lengths.min() == lengths.max() else lengths,
        labels=np.array([one.label for one in every], np.uint8),
    )
    bounds = np.cumsum([0, len(train), len(validation), len(test)])
    parts = [
        jax.tree.map(lambda column, a=a, b=b: column[a:b], rows)
        for a, b in itertools.pairwise(bounds)
    ]
    return Splits(*parts)


def _units(train: list[Series]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean of each dimension and its standard deviation, which is not 0."""
    values = np.concatenate([one.values for one in train])
    known = ~np.isnan(values)
    seen = np.maximum(known.sum(axis=0), 1)
    mean = np.sum(values, axis=0, where=known) / seen
    squares = np.sum(np.square(values - mean), axis=0, where=known) / seen
    return mean, np.where(squares > 0, np.sqrt(squares), 1.0)


def _filled(values: Float[np.ndarray, "time dimensions"]) -> np.ndarray:
    """Returns values of which a missing one is the last of its dimension, or 0."""
    steps = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, steps), axis=0)
    found = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last < 0, 0.0, found)


def _padded(columns: list[np.ndarray]) -> np.ndarray:
    """Returns arrays as rows of the longest one, zeros after their ends."""
    longest = max(map(len, columns))
    rows = np.zeros((len(columns), longest, *columns[0].shape[1:]), np.float32)
    for row, column in zip(rows, columns, strict=True):
        row[: len(column)] = column
    return rows


def _gaps(every: list[Series], train: int) -> np.ndarray | None:
    """Returns elapsed times in units of the mean gap of the first `train` series."""
    times = [one.times for one in every if one.times is not None]
    if not times:
        return None
    if len(times) < len(every):
        raise DataProblem(
            "one of the training and test files has time stamps, and the other none; "
            "take both from one archive"
        )
    gaps = [np.diff(one) for one in times]
    known = np.concatenate(gaps[:train])
    unit = known.mean() if known.size else 1.0
    return _padded([np.concatenate([[1.0], own / unit]) for own in gaps])
