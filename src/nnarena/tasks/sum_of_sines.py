"""Waves of several periods, generated from nothing but their name."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..core.numbers import AtLeastOne, AtLeastTwo, held
from ..core.scoring import mean_squared_error
from ..core.seeds import key_for
from ..core.types import Example, Sequence, Signature, Tokens, Values
from . import TASKS
from .base import AbstractTask, SyntheticSplits, random_order


PERIODS = (8, 32, 80, 160)
"""Steps of a period of each of the sines that a wave is the sum of."""

CYCLE = 160
"""Steps after which every wave repeats itself."""


@TASKS.register(
    "sum_of_sines", family="synthetic dynamics", source="koutnik2014clockwork"
)
class SumOfSines(AbstractTask):
    r"""Generate a wave step by step, while the input stays the same.

        input    2    2    2    2    2    2  ...      (which wave)
          ->  -.31 -.96 -1.5 -1.6 -1.3 -.90 ...      (its value now)

    Tests time scales: a wave is the sum of four sines of periods 8, 32, 80 and 160, and
    nothing but the state tells which step it is. Clockwork networks were shown on this,
    with 320 steps of speech in the place of sines and a network for each wave; here one
    network has all `waves`, and the input says at every step which one is asked for.
    There are `cycles` of 160 steps, 2 by default.

    The waves are the same in every run, and validation and test hold those of training:
    what is tested is whether they can be generated, not whether that generalizes. Of a
    period the phases are spread evenly over the waves, so that the mean over the waves
    is 0 at every step. Waves are generated online, so the task is causal.

    Score: mean squared error, normalized: waves have variance 1. Chance 1, of always
    answering 0. Solved below 0.1.
    """

    waves: int = eqx.field(static=True)
    cycles: int = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(self, *, waves: AtLeastTwo = 4, cycles: AtLeastOne = 2):
        self.waves, self.cycles = waves, cycles
        self.held_out = SyntheticSplits()

    @property
    def signature(self):
        return Signature(Tokens(self.waves), Values(1), "every step", causal=True)

    @property
    def scoring(self):
        return mean_squared_error(chance=1.0, solved=0.1)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return self.held_out.draw(key=key)

    def example(self, row):
        wave = jax.random.randint(row, (), 0, self.waves, jnp.int32)
        values = jnp.tile(jnp.asarray(make_waves(self.waves))[wave], self.cycles)
        return Example(Sequence(jnp.full(values.shape, wave)), values[:, None])


@functools.cache
def make_waves(count: int) -> Float[np.ndarray, "waves cycle"]:
    """Returns one cycle of each of so many waves, of mean 0 and variance 1."""
    total = np.zeros((count, CYCLE))
    for number, period in enumerate(PERIODS):
        phases = _phases(count, number)[:, None] + np.arange(CYCLE) / period
        total += np.sin(2 * np.pi * phases)
    return (total / np.sqrt(len(PERIODS) / 2)).astype(np.float32)


def _phases(count: int, number: int) -> Float[np.ndarray, " waves"]:
    """Returns where the waves begin in a period, in turns: evenly spread, shuffled."""
    with jax.ensure_compile_time_eval():  # a constant of programs that are being traced
        key = key_for("phases", "sum_of_sines", number)
        order, start = random_order(count, key=key), float(jax.random.uniform(key))
    return (order + start) / count
