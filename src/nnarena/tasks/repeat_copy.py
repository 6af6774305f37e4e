"""Copying a list as often as is asked for."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AtLeastOne, held
from ..core.scoring import wrong_bits
from ..core.types import Features, Labels, Signature
from . import TASKS
from .base import AbstractTask, SyntheticSplits
from .bits import repeated


@TASKS.register("repeat_copy", family="synthetic memory", source="graves2014neural")
class RepeatCopy(AbstractTask):
    """Read a list of vectors of bits, say it several times, and then that it is over.

        bit 1      0 1 1 . . . . . . . .                    0 1 1 0 1 1 0
        bit 2      1 1 0 . . . . . . . .                    1 1 0 1 1 0 0
        asked      . . . 1 . . . . . . .         ->
        repeats    . . . n . . . . . . .   (n: 2)
        the end    . . . . . . . . . . .                    0 0 0 0 0 0 1

    Tests whether a list survives several recalls and whether they are counted: a nested
    loop. Lists have 1 to `length` vectors of `bits` fair bits and are asked for 1 to
    `repeats` times, drawn evenly and without end. After the list one step asks for the
    answers, which begin at the next: it has a 1 of its own and, on the last input, the
    number of repeats less 5.5, over 2.872, of which 1 to 10 have mean 0 and variance 1.
    All else is 0. Behind the last repeat the label of the end is asked for.

    The form of Graves et al. (2014), whose networks learned to repeat lists of up to 10
    vectors up to 10 times. Bits are asked for online, so the task is causal.

    Score: wrong bits per sequence, those of the end among them; chance is half the bits
    and the one end, 122 with the defaults. Solved below 1.
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
        self.held_out = SyntheticSplits()

    @property
    def signature(self):
        outputs = Labels(self.bits + 1)
        return Signature(Features(self.bits + 2), outputs, "every step", causal=True)

    @property
    def scoring(self):
        vectors = (self.length + 1) / 2 * (self.repeats + 1) / 2
        return wrong_bits(chance=self.bits / 2 * vectors + 1, solved=1.0)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return self.held_out.draw(key=key)

    def example(self, row):
        # One draw for all, since every draw has to be compiled.
        draws = jax.random.uniform(row, (self.length * self.bits + 2,))
        bits = draws[2:].reshape(self.length, self.bits) < 0.5
        vectors, repeats = (
            1 + jnp.floor(draw * limit).astype(jnp.int32)
            for draw, limit in zip(draws[:2], (self.length, self.repeats), strict=True)
        )
        return repeated(bits, vectors, repeats, most=self.repeats)
