"""The adding problem."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AtLeastTwo, held
from ..core.scoring import mean_squared_error
from ..core.types import Example, Features, Sequence, Signature, Values
from . import TASKS
from .base import AbstractTask, FiniteRows, SyntheticSplits


@TASKS.register("add", family="synthetic memory", source="hochreiter1997long")
class Add(AbstractTask):
    """Add two marked numbers out of many.

        value   .42  .11  .93  .27  .58  .35
        marker    0    1    0    0    1    0      ->  .11 + .58 = .69

    Tests whether two events up to `length` steps back survive what lies between.
    Values are uniform in [0, 1); one marker stands anywhere in the first half, one in
    the second. Score: mean squared error; chance 1/6, the variance of the sum of two
    uniform numbers, reached by always answering 1. Solved below 0.04, the thesis's bar.
    Sequences are drawn without end, or are a finite set of `rows` (the thesis: 40,000).
    The answer is given once, after the last step: no input is later.

    The form of Arjovsky et al. (2016); Hochreiter & Schmidhuber's values lay in
    [-1, 1] and their sequences differed in length.
    """

    axis: ClassVar[str | None] = "length"

    length: int = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(self, *, length: AtLeastTwo = 100, rows: FiniteRows | None = None):
        self.length = length
        self.held_out = SyntheticSplits(rows=rows)

    @property
    def signature(self):
        return Signature(Features(2), Values(1))

    @property
    def scoring(self):
        return mean_squared_error(chance=1 / 6, solved=0.04)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return self.held_out.draw(key=key)

    def example(self, row):
        # One draw for values and places, since every draw has to be compiled.
        draws = jax.random.uniform(row, (self.length + 2,))
        values, (u, v) = draws[: self.length], draws[self.length :]
        half = self.length // 2
        first = jnp.floor(u * half)
        second = half + jnp.floor(v * (self.length - half))
        steps = jnp.arange(self.length, dtype=values.dtype)
        markers = ((steps == first) | (steps == second)).astype(values.dtype)
        return Example(
            Sequence(jnp.stack([values, markers], axis=-1)),
            jnp.sum(values * markers, keepdims=True),
        )
