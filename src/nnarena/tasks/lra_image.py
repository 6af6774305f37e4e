"""CIFAR-10 in grey, pixel by pixel: "Image" of the Long Range Arena."""

import tarfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from ..core.numbers import held
from ..core.scoring import accuracy
from ..core.types import Classes, Example, Signature
from . import TASKS
from .archives import DAMAGE
from .base import AbstractTask, Splits, random_order
from .files import DataFolder, DataProblem, RemoteFile
from .lra_pixels import as_sequence, inputs_of


ARCHIVE = RemoteFile(
    "cifar10/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170_052_171,
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
)
"""Its authors publish an MD5 sum alone, c32a1d4ab5d03f1284b67883e8d87530; the SHA-256
is the one that libraries hold their downloads to."""

TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILE = "test_batch.bin"

IMAGES = 10_000
"""Images of each file."""

PIXELS = 32 * 32

WEIGHTS = np.array([2989, 5870, 1140])
"""Those of red, green and blue in a grey, in ten thousandths."""

HELD_OUT = 5_000


class Images(NamedTuple):
    """Rows of the task."""

    pixels: UInt8[np.ndarray, "rows pixels"]
    labels: UInt8[np.ndarray, " rows"]


def read_archive(path: Path) -> tuple[Images, Images]:
    """Returns the images of the archive to learn from, and those of the test.

    A file of it holds 10,000 records of 3,073 bytes: the label, and 1,024 pixels of
    red, of green and of blue, row by row.

    Raises:
        DataProblem: the archive is damaged or does not hold such files.
    """
    wanted = (*TRAIN_FILES, TEST_FILE)
    try:
        with tarfile.open(path, "r:gz") as archive:
            members = {PurePosixPath(m.name).name: m for m in archive if m.isreg()}
            found = [_read(archive, members, name) for name in wanted]
    except DAMAGE as error:
        raise DataProblem(
            f"the file {path} is not an archive of CIFAR-10's binary version "
            f"({error}); delete it and fetch it from {ARCHIVE.mirrors[0]}"
        ) from error
    *train, test = found
    return Images(*map(np.concatenate, zip(*train, strict=True))), test


def _read(
    archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], name: str
) -> Images:
    if name not in members:
        raise ValueError(f"it holds no {name}")
    whole = IMAGES * (1 + 3 * PIXELS)
    if members[name].size != whole:
        raise ValueError(f"{name} has {members[name].size:,} bytes, not {whole:,}")
    file = archive.extractfile(members[name])
    assert file is not None  # as it is regular
    records = np.frombuffer(file.read(), np.uint8).reshape(IMAGES, -1)
    if records[:, 0].max() > 9:
        raise ValueError(f"{name} has a label above 9")
    return Images(grey(records[:, 1:].reshape(-1, 3, PIXELS)), records[:, 0].copy())


def grey(colors: UInt8[np.ndarray, "rows 3 pixels"]) -> UInt8[np.ndarray, "rows _"]:
    """Returns pixels in grey: floor(255.5 / 255 (.2989 red + .587 green + .114 blue)).

    So does TensorFlow's `rgb_to_grayscale` with bytes, which the Long Range Arena
    calls: it takes them as shares of 255, and cuts off 255.5 times the weighted sum.
    """
    summed = np.einsum("rcp,c->rp", colors, WEIGHTS, dtype=np.int64)
    return (summed * 511 // 5_100_000).astype(np.uint8)


@TASKS.register("lra_image", family="images", source="tay2021long")
class LRAImage(AbstractTask):
    """Read a photograph of 32 x 32 pixels in grey as a sequence and name its object.

        row 1    62  61  60  62 ...  61
        row 2    59  57  58 140 ...  60          one sequence of 1,024 greys,
        row 3    58  59 171 203 ... 118          row by row                  ->  frog
         ...
        row 32  110 108  96  90 ...  74

    Tests what is seen of a picture by a reader who knows no neighbors but those to
    the left and right: the pixel below is 32 steps later. The classes of CIFAR-10
    (Krizhevsky, 2009) are airplane, automobile, bird, cat, deer, dog, frog, horse, ship
    and truck, equally often.

    As in the Long Range Arena, whose task "Image" it is, a grey is a token of 256;
    without `tokens` it is a number from 0 to 1, which that gave its convolutional nets
    and most readers of single pixels since take. Of the 50,000 training images 5,000
    validate, here drawn at random, there the last tenth of TensorFlow's order. The
    10,000 test images are the official ones. Nothing is cropped, mirrored or shifted.

    Score: accuracy; chance 1/10. Solved at 0.9; that arena's transformer had 0.424. The
    answer is given once, after the last step: no input is later.
    """

    tokens: bool = eqx.field(static=True)

    @held
    def __init__(self, *, tokens: bool = True):
        self.tokens = tokens

    @property
    def signature(self):
        return Signature(inputs_of(tokens=self.tokens), Classes(10))

    @property
    def scoring(self):
        return accuracy(chance=0.1)

    def splits(self, data: DataFolder, *, key):
        learned, test = read_archive(data.find(ARCHIVE))
        order = random_order(len(learned.labels), key=key)
        validation, train = (
            Images(learned.pixels[part], learned.labels[part])
            for part in np.split(order, [HELD_OUT])
        )
        return Splits(train=train, validation=validation, test=test)

    def example(self, row):
        question = as_sequence(row.pixels, tokens=self.tokens)
        return Example(question, row.labels.astype(jnp.int32))
