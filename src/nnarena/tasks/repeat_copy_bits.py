"""Copying a list of bit vectors as often as is asked for."""

from typing import ClassVar

import equinox as eqx
import jax

from ..core.numbers import AtLeastOne, held
from ..core.scoring import wrong_bits
from ..core.types import Features, Labels, Signature
from . import TASKS
from .base import AbstractTask, SyntheticSplits
from .bits import held_out_largest, key_of, repeated, size_of


@TASKS.register(
    "repeat_copy_bits", family="synthetic memory", source="graves2014neural"
)
class RepeatCopyBits(AbstractTask):
    """Read a list of vectors of bits, say it several times, and then that it is over.

        bit 1      0 1 1 . . . . . . . .                    0 1 1 0 1 1 0
        bit 2      1 1 0 . . . . . . . .                    1 1 0 1 1 0 0
        asked      . . . 1 . . . . . . .         ->
        repeats    . . . n . . . . . . .   (n: 2)
        the end    . . . . . . . . . . .                    0 0 0 0 0 0 1

    Tests whether a list survives several recalls and whether they are counted, and
    whether that holds for more of them. Training draws what `repeat_copy` draws: lists
    of 1 to `length` vectors, asked for 1 to `repeats` times, number and step that asks
    as there. Held-out lists have `length` vectors and are asked for `repeats` times,
    where those of `repeat_copy` are drawn like the others, so that an evaluation at
    another number scores at that number alone.

    The form of Graves et al. (2014), who trained at up to 10 vectors and 10 times and
    asked for 20 of one or of the other. Bits are asked for online, so the task is
    causal.

    Score: wrong bits per sequence, those of the end among them; chance is half the
    bits, 400 with the defaults: when the end comes is known there. Solved below 1.
    """

    axis: ClassVar[str | None] = "repeats"

    length: int = eqx.field(static=True)
    repeats: int = eqx.field(static=True)
    bits: int = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(
        self,
        *,
        length: AtLeastOne = 10,
        repeats: AtLeastOne = 10,
        bits: AtLeastOne = 8,
    ):
        self.length, self.repeats, self.bits = length, repeats, bits
        self.held_out = SyntheticSplits(validation=200, test=1_000)

    @property
    def signature(self):
        outputs = Labels(self.bits + 1)
        return Signature(Features(self.bits + 2), outputs, "every step", causal=True)

    @property
    def scoring(self):
        chance = self.bits / 2 * self.length * self.repeats
        return wrong_bits(chance=chance, solved=min(1.0, chance / 2))

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return held_out_largest(self.held_out, key=key)

    def example(self, row):
        # One draw for all, since every draw has to be compiled.
        draws = jax.random.uniform(key_of(row), (self.length * self.bits + 2,))
        bits = draws[2:].reshape(self.length, self.bits) < 0.5
        vectors = size_of(row, draws[0], self.length)
        repeats = size_of(row, draws[1], self.repeats)
        return repeated(bits, vectors, repeats, most=self.repeats)
