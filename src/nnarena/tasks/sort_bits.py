"""Sorting vectors of bits by a number that comes with each."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AtLeastOne, held
from ..core.scoring import wrong_bits
from ..core.types import Example, Features, Labels, Sequence, Signature
from . import TASKS
from .base import AbstractTask, SyntheticSplits
from .bits import as_features


@TASKS.register("sort_bits", family="synthetic memory", source="graves2014neural")
class SortBits(AbstractTask):
    """Read vectors of bits with priorities, and say the first of them in that order.

        bit 1         0    1    1    0   . . .                    1 1
        bit 2         1    1    0    0   . . .       ->           1 0
        priority    -.4   .9   .2  -.7   . . .
        asked         .    .    .    .   1 . .

    Tests whether what was read can be put into another order: two lists of one length
    need as many comparisons as a sort. Of `length` vectors of `bits` fair bits, each
    with a priority drawn evenly from -1 to 1, the `answers` of the highest priority are
    said, the highest first. After the list one step, a 1 on an input of its own, asks
    for the answers, which begin at the next. Lists are drawn without end, and all have
    the same length: a shorter one would leave fewer to answer.

    The form of Graves et al. (2014), of 20 vectors and 16 answers; whether theirs had a
    step that asks is not said. Bits are asked for online, so the task is causal.

    Score: wrong bits per sequence; chance is half the bits, 64 with the defaults.
    Solved below 1.
    """

    axis: ClassVar[str | None] = "length"

    length: int = eqx.field(static=True)
    answers: int = eqx.field(static=True)
    bits: int = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(
        self,
        *,
        length: AtLeastOne = 20,
        answers: AtLeastOne = 16,
        bits: AtLeastOne = 8,
    ):
        if answers > length:
            raise ValueError(
                f"sort_bits has {answers} answers of {length} vectors: give at most as "
                "many answers as there are vectors"
            )
        self.length, self.answers, self.bits = length, answers, bits
        self.held_out = SyntheticSplits(validation=200, test=1_000)

    @property
    def signature(self):
        inputs, outputs = Features(self.bits + 2), Labels(self.bits)
        return Signature(inputs, outputs, "every step", causal=True)

    @property
    def scoring(self):
        chance = self.bits / 2 * self.answers
        return wrong_bits(chance=chance, solved=min(1.0, chance / 2))

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return self.held_out.draw(key=key)

    def example(self, row):
        # One draw for all, since every draw has to be compiled.
        draws = jax.random.uniform(row, (self.length, self.bits + 1))
        bits, priority = draws[:, :-1] < 0.5, 2.0 * draws[:, -1] - 1.0
        highest = jnp.argsort(-priority)[: self.answers]
        rest = self.answers + 1
        time = jnp.arange(self.length + rest, dtype=jnp.int32)
        xs = as_features(
            jnp.pad(bits, ((0, rest), (0, 0))),
            jnp.pad(priority, (0, rest)),
            time == self.length,
        )
        targets = jnp.pad(bits[highest], ((self.length + 1, 0), (0, 0)))
        return Example(Sequence(xs), targets, time > self.length)
