"""Reviews of films, byte by byte: the text classification of the Long Range Arena."""

import re
import tarfile
from pathlib import Path
from typing import Annotated, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, UInt8
from pydantic import Field

from ..core.numbers import held
from ..core.scoring import accuracy
from ..core.types import Classes, Example, Signature
from . import TASKS
from .archives import DAMAGE
from .base import AbstractTask, Splits, random_order
from .byte_texts import BYTES, TextLength, as_sequence, padded
from .files import DataFolder, DataProblem, RemoteFile


PUBLISHED = RemoteFile(
    "imdb/aclImdb_v1.tar.gz",
    "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
    84_125_825,
    ("https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",),
)

LABELED = RemoteFile(
    "imdb/aclImdb.tar.xz",
    "c5c47bae75083d1802f76639e75ed65b3066bed0c5565b76bb3c4ef67864a819",
    19_049_792,
    PUBLISHED.mirrors,
)
"""The same tree without the reviews that have no label: not downloaded, but read."""

PARTS = ("train", "test")

CLASSES = ("neg", "pos")

REVIEW = re.compile(r"(?:.*/)?(train|test)/(neg|pos)/[^/]+\.txt")

Review = tuple[bytes, int]
"""A text and its class."""

FEWEST = 20_000
"""Training reviews of which some validate: of 25,000 a few are left out."""

HeldOut = Annotated[int, Field(ge=1, lt=FEWEST)]


class Reviews(NamedTuple):
    """Rows of the task: texts, padded, their lengths and classes."""

    texts: UInt8[np.ndarray, "rows bytes"]
    lengths: Int[np.ndarray, " rows"]
    labels: UInt8[np.ndarray, " rows"]


def read_reviews(path: Path) -> tuple[list[Review], list[Review]]:
    """Returns the reviews of an archive to train on and to test with.

    They stand in the order of their names, negative ones first, in whatever order the
    archive has them.

    Raises:
        DataProblem: it is not such an archive.
    """
    found: dict[str, Review] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = REVIEW.fullmatch(member.name)
                file = archive.extractfile(member) if name else None
                if name and file is not None:
                    place = f"{name[1]}/{name[2]}/{member.name}"
                    found[place] = file.read(), CLASSES.index(name[2])
    except DAMAGE as error:
        raise DataProblem(
            f"the archive {path} cannot be read ({type(error).__name__}); delete it "
            f"and fetch {PUBLISHED.mirrors[0]}"
        ) from error
    train, test = (
        [found[place] for place in sorted(found) if place.startswith(f"{part}/")]
        for part in PARTS
    )
    if not train or not test:
        raise DataProblem(
            f"the archive {path} lacks reviews train/pos/NAME.txt, train/neg/NAME.txt "
            f"and others in test; delete it and fetch {PUBLISHED.mirrors[0]}"
        )
    return train, test


@TASKS.register("lra_text", family="language", source="tay2021long")
class LRAText(AbstractTask):
    """Read a review of a film byte by byte and say whether it praises it.

        T h i s   i s   a   g r e a t   f i l m ...    ->    positive
        I   w a n t e d   t o   l i k e   i t , b ...  ->    negative

    Tests whether words, and what they say together, are found in a long stream of
    letters. The text classification of the Long Range Arena: the 50,000 reviews of IMDB
    by Maas et al. (2011), 25,000 of them for the test, without any tokenizer. A token
    is a byte and 1, of 257. Of a review the first `length` bytes are read, 1,000 in the
    released configuration, 4,000 in the paper. Half of the reviews have fewer than
    971 bytes, 48 % more than 1,000 and 3 % more than 4,000.

    `validation` training reviews are held out to choose weights; LRA chooses them by
    the test set itself, so that its figures are a little too good. 123 training reviews
    stand in the test too, and 96 stand in training twice: none is trained on that the
    test has, and none twice, which leaves 24,778 of the default length.

    Score: accuracy. Chance is 0.5, in the test exactly. Solved at 0.9. LRA gives its
    Transformer 0.643, at 4,000 bytes.
    """

    length: int = eqx.field(static=True)
    validation: int = eqx.field(static=True)

    @held
    def __init__(self, *, length: TextLength = 1_000, validation: HeldOut = 2_500):
        self.length, self.validation = length, validation

    @property
    def signature(self):
        return Signature(BYTES, Classes(len(CLASSES)))

    @property
    def scoring(self):
        return accuracy(chance=0.5)

    def splits(self, data: DataFolder, *, key):
        file = LABELED if data.has(LABELED) and not data.has(PUBLISHED) else PUBLISHED
        learned, test = (
            [(text[: self.length], label) for text, label in part]
            for part in read_reviews(data.find(file))
        )
        tested = {text for text, _ in test}
        once = {text: label for text, label in learned if text not in tested}
        if len(once) <= self.validation:
            raise DataProblem(
                f"{len(once):,} training reviews differ in their first {self.length} "
                f"bytes, too few to hold {self.validation:,} out; take a larger length "
                "or a smaller validation"
            )
        width = min(self.length, max(len(text) for text, _ in learned + test))
        train = _rows(list(once.items()), width)
        order = random_order(len(once), key=key)
        parts = np.split(order, [self.validation])
        validation, train = (
            jax.tree.map(lambda column, part=part: column[part], train)
            for part in parts
        )
        return Splits(train=train, validation=validation, test=_rows(test, width))

    def example(self, row):
        question = as_sequence(row.texts, row.lengths)
        return Example(question, jnp.asarray(row.labels, jnp.int32))


def _rows(reviews: list[Review], width: int) -> Reviews:
    texts, labels = zip(*reviews, strict=True)
    return Reviews(*padded(texts, width), np.array(labels, np.uint8))
