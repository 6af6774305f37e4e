"""MNIST as a sequence of pixel chunks."""

import functools
import gzip
import zlib
from pathlib import Path
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from ..core.numbers import AtLeastOne, held
from ..core.scoring import accuracy
from ..core.seeds import key_for
from ..core.types import Classes, Example, Features, Sequence, Signature
from . import TASKS
from .base import AbstractTask, FiniteRows, Splits, random_order, shuffled_splits
from .files import DataFolder, DataProblem, RemoteFile


def _published(name: str, size: int, sha256: str) -> RemoteFile:
    hosts = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    mirrors = tuple(host + name for host in hosts)
    return RemoteFile(f"mnist/{name}", sha256, size, mirrors)


TRAIN_IMAGES = _published(
    "train-images-idx3-ubyte.gz",
    9_912_422,
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
)
TRAIN_LABELS = _published(
    "train-labels-idx1-ubyte.gz",
    28_881,
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
)
TEST_IMAGES = _published(
    "t10k-images-idx3-ubyte.gz",
    1_648_877,
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
)
TEST_LABELS = _published(
    "t10k-labels-idx1-ubyte.gz",
    4_542,
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
)


def read_idx(path: Path) -> np.ndarray:
    """Returns the array in a gzipped idx file of unsigned bytes.

    The format (LeCun et al.): two zero bytes, the type (8 = unsigned byte), the number
    of axes, each axis as a big-endian 32-bit integer, then the data, last axis fastest.

    Raises:
        DataProblem: the file is not of this format.
    """
    try:
        content = gzip.decompress(path.read_bytes())
        zeros, kind, axes = content[:2], content[2], content[3]
        shape = np.frombuffer(content, ">u4", count=axes, offset=4).astype(int)
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
        if zeros != b"\0\0" or kind != 8:
            raise ValueError("the magic number is wrong")
        return values.reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise DataProblem(
            f"the file {path} is not a gzipped idx file of bytes ({error}); "
            "delete it and fetch it again"
        ) from error


def _read(data: DataFolder, *files: RemoteFile) -> tuple[np.ndarray, ...]:
    return tuple(read_idx(path) for path in [data.find(file) for file in files])


TRAIN = 60_000
"""Rows of the published training set."""

HeldOut = Annotated[int, Field(ge=1, lt=TRAIN)]

TrainingRows = Annotated[FiniteRows, Field(le=TRAIN)]


@TASKS.register("mnist", family="images", source="lecun1998gradient")
class MNIST(AbstractTask):
    """Read a handwritten digit of 28 x 28 pixels as a sequence and name it at the end.

        chunk = 1:    784 steps of one pixel           ->  5
        chunk = 8:     98 steps of 8 pixels            ->  5   (the thesis's form)
        chunk = 28:    28 steps of one row             ->  5
        permuted:     the same pixels in one fixed random order

    The official split: 60,000 images, of which `validation` are held out to choose
    weights, and 10,000 for the test. Pixels divided by 255, if `scaled`. With `rows`
    (the thesis: 40,000) the first so many training images are shuffled and split in
    tenths instead, and the official test set is not needed. Score: accuracy; chance
    0.1135, the share of ones in the test set. Solved at 0.9, the thesis's bar.

    `permuted` destroys the nearness of pixels, so that what belongs together is up to
    784 steps apart; the order is the same in every run. The answer is given once, after
    the last step: no input is later.
    """

    chunk: int = eqx.field(static=True)
    permuted: bool = eqx.field(static=True)
    validation: int = eqx.field(static=True)
    scaled: bool = eqx.field(static=True)
    rows: int | None = eqx.field(static=True)

    @held
    def __init__(
        self,
        *,
        chunk: AtLeastOne = 8,
        permuted: bool = False,
        validation: HeldOut = 5_000,
        scaled: bool = True,
        rows: TrainingRows | None = None,
    ):
        if 784 % chunk:
            raise ValueError(f"mnist needs a chunk that divides 784, not {chunk}")
        self.chunk, self.permuted, self.validation = chunk, permuted, validation
        self.scaled, self.rows = scaled, rows

    @property
    def signature(self):
        return Signature(Features(self.chunk), Classes(10))

    @property
    def scoring(self):
        return accuracy(chance=0.1135)

    def splits(self, data: DataFolder, *, key):
        images, labels = _read(data, TRAIN_IMAGES, TRAIN_LABELS)
        if self.rows is not None:
            return shuffled_splits((images[: self.rows], labels[: self.rows]), key=key)
        order = random_order(len(labels), key=key)
        validation, train = np.split(order, [self.validation])
        return Splits(
            train=(images[train], labels[train]),
            validation=(images[validation], labels[validation]),
            test=_read(data, TEST_IMAGES, TEST_LABELS),
        )

    def example(self, row):
        image, label = row
        pixels = image.astype(jnp.float32).reshape(-1)
        if self.scaled:
            pixels = pixels / 255.0
        if self.permuted:
            pixels = pixels[_pixel_order()]
        xs = pixels.reshape(-1, self.chunk)
        return Example(Sequence(xs), label.astype(jnp.int32))


@functools.cache
def _pixel_order() -> np.ndarray:
    """Returns the one order in which all permuted images are read."""
    with jax.ensure_compile_time_eval():  # a constant of programs that are being traced
        return random_order(784, key=key_for("pixels", "mnist"))
