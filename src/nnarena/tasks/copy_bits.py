"""Copying a list of bit vectors."""

from typing import ClassVar

import equinox as eqx
import jax

from ..core.numbers import AtLeastOne, held
from ..core.scoring import wrong_bits
from ..core.types import Example, Features, Labels, Sequence, Signature
from . import TASKS
from .base import AbstractTask, SyntheticSplits
from .bits import as_features, held_out_largest, key_of, recite, size_of


@TASKS.register("copy_bits", family="synthetic memory", source="graves2014neural")
class CopyBits(AbstractTask):
    """Read a list of vectors of bits, and say it again.

        bit 1      0 1 1 . . . .                    0 1 1
        bit 2      1 1 0 . . . .         ->         1 1 0
        asked      . . . 1 . . .

    Tests whether a list is kept whole and in order, and whether how that is done holds
    for longer lists. Training draws lists of 1 to `length` vectors of `bits` fair bits,
    evenly and without end; held-out lists have `length` vectors, so that an evaluation
    at another length scores at that length alone. After the list one step, a 1 on an
    input of its own, asks for the answers, which begin at the next; nothing is shown
    with them.

    The form of Graves et al. (2014), who trained at 1 to 20 vectors of 8 bits and asked
    for up to 120. `copy` is another task: there symbols wait, and the length is fixed.
    Bits are asked for online, so the task is causal.

    Score: wrong bits per sequence; chance is half the bits, 80 with the defaults.
    Solved below 1.
    """

    axis: ClassVar[str | None] = "length"

    length: int = eqx.field(static=True)
    bits: int = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(self, *, length: AtLeastOne = 20, bits: AtLeastOne = 8):
        self.length, self.bits = length, bits
        self.held_out = SyntheticSplits(validation=200, test=1_000)

    @property
    def signature(self):
        inputs, outputs = Features(self.bits + 1), Labels(self.bits)
        return Signature(inputs, outputs, "every step", causal=True)

    @property
    def scoring(self):
        chance = self.bits / 2 * self.length
        return wrong_bits(chance=chance, solved=min(1.0, chance / 2))

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return held_out_largest(self.held_out, key=key)

    def example(self, row):
        # One draw for all, since every draw has to be compiled.
        draws = jax.random.uniform(key_of(row), (1 + self.length * self.bits,))
        bits = draws[1:].reshape(self.length, self.bits) < 0.5
        vectors = size_of(row, draws[0], self.length)
        found = recite(bits, vectors, 1, steps=2 * self.length + 1)
        xs = as_features(found.shown, found.asked)
        present = found.said < vectors
        return Example(Sequence(xs, present=present), found.targets, found.saying)
