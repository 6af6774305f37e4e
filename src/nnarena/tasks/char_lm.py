"""A language model of characters."""

from pathlib import Path
from typing import Annotated

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from ..core.numbers import held
from ..core.scoring import negative_log_likelihood
from ..core.types import Classes, Example, Sequence, Signature, Tokens
from . import TASKS
from .base import AbstractTask, Splits
from .files import DataFolder, DataProblem, RemoteFile


TEXT = RemoteFile(
    "tinyshakespeare/input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    1_115_394,
    (
        "https://raw.githubusercontent.com/karpathy/char-rnn/"
        "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
    ),
)

CHARACTERS = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Those of the text, in the order of their tokens."""

WindowLength = Annotated[int, Field(ge=1, le=50_000)]
"""Validation has 55,769 characters."""

Codes = UInt8[np.ndarray, " _"]
"""A text, or a part of one, as tokens."""


def read_codes(path: Path) -> Codes:
    """Returns a text as tokens, one for each character.

    Raises:
        DataProblem: it holds a character that is none of `CHARACTERS`.
    """
    text = np.frombuffer(path.read_bytes(), np.uint8)
    known = np.frombuffer(CHARACTERS.encode("ascii"), np.uint8)
    codes = np.minimum(np.searchsorted(known, text), len(known) - 1)
    strange = np.flatnonzero(known[codes] != text)
    if strange.size or not text.size:
        first = (
            f"byte {text[strange[0]]} at {strange[0]:,}" if strange.size else "empty"
        )
        raise DataProblem(
            f"the file {path} is not a text of the {len(known)} characters of "
            f"{TEXT.path} ({first}); delete it and fetch it from {TEXT.mirrors[0]}"
        )
    return codes.astype(np.uint8)


def cut_windows(codes: Codes, length: int) -> UInt8[np.ndarray, "rows characters"]:
    """Returns windows of one character more than `length`, which ask for `length`.

    A window begins with the last character of the one before, so that each character
    but the first is asked for once; a rest that fills no window is left out.
    """
    starts = np.arange(0, len(codes) - length, length)
    return codes[starts[:, None] + np.arange(length + 1)]


@TASKS.register("char_lm", family="language", source="karpathy2015unreasonable")
class CharLM(AbstractTask):
    r"""Say at every character which one comes next.

        F i r s t   C i t i z e n : \n B e f o r e   w e   p r o c e e d
          -> i r s t   C i t i z e n : \n B e f o r e   w e   p r o c e e d   a

    Tests how spelling, words and speakers are learned from what was read. The text is
    Karpathy's "tiny Shakespeare": 1,115,394 characters, 65 of them different. It comes
    in windows of `length` characters, each of which is asked for once, by what stands
    before it in its window: what came before the window is not known. As the next input
    is the answer, the task is causal.

    The last tenth of the text is for the test, as it is for others, who train on all
    before it. Validation has the twentieth from 80 to 85 %, not the one before the
    test: there begins the play that the test is in, and without its speakers' names
    a table of the last four characters would score 2.8 in the place of 2.4.

    Score: negative log-likelihood in bits per character. Chance 4.83, that of the
    characters' shares. Solved below 2.43, the score of such a table (Witten-Bell, on
    the windows of the default length; of the last three 2.57, of five 2.47): what does
    not beat it has learned no more than a table.
    """

    length: int = eqx.field(static=True)

    @held
    def __init__(self, *, length: WindowLength = 128):
        self.length = length

    @property
    def token_names(self):
        return tuple(CHARACTERS.replace("\n", "↵").replace(" ", "␣"))

    @property
    def class_names(self):
        return self.token_names

    @property
    def signature(self):
        size = len(CHARACTERS)
        return Signature(Tokens(size), Classes(size), "every step", causal=True)

    @property
    def scoring(self):
        return negative_log_likelihood(chance=4.83, solved=2.43, unit="bits")

    def splits(self, data: DataFolder, *, key):
        del key  # by place, the same for everyone
        codes = read_codes(data.find(TEXT))
        bounds = [len(codes) * percent // 100 for percent in (80, 85, 90)]
        first, validation, second, test = (
            cut_windows(part, self.length) for part in np.split(codes, bounds)
        )
        train = np.concatenate([first, second])
        return Splits(train=train, validation=validation, test=test)

    def example(self, row):
        tokens = row.astype(jnp.int32)
        return Example(Sequence(tokens[:-1]), tokens[1:])
