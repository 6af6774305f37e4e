"""The benchmark of the thesis's Memory Cell, with sequences that are all different."""

from typing import Annotated, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int
from pydantic import Field

from ..core.numbers import AS_FLOAT, AtLeastOne, held
from ..core.scoring import mean_squared_error
from ..core.types import Example, Features, Key, Sequence, Signature, Values
from . import TASKS
from .base import AbstractTask, FiniteRows, SyntheticSplits


Rate = Annotated[int | float, Field(gt=0, le=1), AS_FLOAT]


@TASKS.register("cell", family="synthetic memory", source="brantner2021neural")
class Cell(AbstractTask):
    """Say at every step which of two channels gave the last pulse: a flip-flop.

        channel 0    . 1 . . . . . 1 . . . .        . 1 1 1 0 0 0 1 1 1 0 0
        channel 1    . . . . 1 . . . . . 1 .   ->   . 0 0 0 1 1 1 0 0 0 1 1

    Tests whether one bit is held over gaps of random length and rewritten when a pulse
    comes. At every step a pulse comes with probability `rate`, on either channel
    alike; the gaps are 1/rate steps in the mean and have no longest one. Of a sequence
    that drew none, one step gets a pulse. Score: mean squared error over the steps
    from the first pulse on; chance 0.25, the variance of a fair bit, reached by always
    answering 1/2 to both. Solved below 0.01.

    The thesis had two sequences, and validated and tested on them; its plot of the
    cell shows the random pulses that are used here. `blocks` = 3 are those: a pulse at
    the start of each of 3 equal blocks, on the channels in turn, from either channel
    on. Sequences are drawn without end, or are a finite set of `rows` (the thesis:
    40,000, of two kinds).

    A flip-flop is asked online, so the task is causal: no answer may use a later pulse.
    The thesis's `blocks` are not, as its contenders read in both directions; there the
    first step tells all others, and what comes later tells nothing new.
    """

    axis: ClassVar[str | None] = "length"

    length: int = eqx.field(static=True)
    rate: float = eqx.field(static=True)
    blocks: int | None = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(
        self,
        *,
        length: AtLeastOne = 384,
        rate: Rate = 0.04,
        blocks: AtLeastOne | None = None,
        rows: FiniteRows | None = None,
    ):
        if blocks is not None and length % blocks:
            raise ValueError(f"cell cannot cut {length} steps into {blocks} blocks")
        self.length, self.rate, self.blocks = length, float(rate), blocks
        self.held_out = SyntheticSplits(rows=rows)

    @property
    def signature(self):
        online = self.blocks is None
        return Signature(Features(2), Values(2), "every step", causal=online)

    @property
    def scoring(self):
        return mean_squared_error(chance=0.25, solved=0.01)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return self.held_out.draw(key=key)

    def example(self, row):
        pulsed, channels = self._pulses(row)
        channel = jax.nn.one_hot(channels, 2)
        steps = jnp.where(pulsed, jnp.arange(self.length), -1)
        last = jax.lax.cummax(steps)
        held = last >= 0
        return Example(
            Sequence(jnp.where(pulsed[:, None], channel, 0.0)),
            jnp.where(held[:, None], channel[last], 0.0),
            held,
        )

    def _pulses(self, row: Key) -> tuple[Bool[Array, " time"], Int[Array, " time"]]:
        """Returns at which steps a pulse comes, and on which channel one would."""
        if self.blocks is None:
            when, where = jax.random.uniform(row, (2, self.length))
            # The least of all draws is a pulse whatever the rate: there is one.
            pulsed = (when < self.rate) | (when == jnp.min(when))
            return pulsed, jnp.floor(2 * where).astype(jnp.int32)
        block, within = jnp.divmod(jnp.arange(self.length), self.length // self.blocks)
        first = jax.random.bernoulli(row).astype(jnp.int32)
        return within == 0, (first + block) % 2
