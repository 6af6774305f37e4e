"""One bit, shown first and latched against noise."""

from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AboveZero, AtLeastTwo, held
from ..core.scoring import accuracy
from ..core.types import Classes, Example, Features, Sequence, Signature
from . import TASKS
from .base import AbstractTask, SyntheticSplits


SHOWN = 10
"""Steps that tell the class in the two-sequence problem."""

Form = Literal["latch", "free", "two_sequence"]


@TASKS.register("bengio_latch", family="synthetic memory", source="bengio1994learning")
class BengioLatch(AbstractTask):
    """Say at the end which of two values came first; the rest is noise.

        latch           +1   .12  -.31   .08  -.02 ...                  ->  1
        free            -1     0     0     0     0 ...
                         0  -.18   .05   .22  -.09 ...                  ->  0
        two_sequence  1.13   .86  1.02 (10 steps) ... -1.61   .43 ...   ->  1

    Tests whether one bit is held over `length` steps: the task on which Bengio, Simard
    and Frasconi (1994) showed that a network that holds a bit against noise has
    gradients that vanish. Score: accuracy; chance 1/2. Solved at 0.99. The answer is
    given once, after the last step: no input is later. Sequences are drawn without end.

    `form` = "latch": the first input is +1 or -1, all others are normal of the standard
    deviation `noise`. One unit h = tanh(w h + u x) with w > 1 suffices. "free": the
    first input has a channel of its own, so that what it does is learned apart from
    what noise does, as where the first inputs were parameters. "two_sequence",
    experiment 3 of Hochreiter & Schmidhuber (1997), after 1994 as well: the class is
    +1 or -1 with that noise at each of the first 10 steps, and noise of standard
    deviation 1 follows.

    The targets of 1994 were the numbers 0.8 and -0.8, later 0.8 and 0.2; here they are
    two classes. Sources give 0.2 as the deviation of the noise or as its variance: for
    the latter take `noise` = 0.447. Hochreiter & Schmidhuber (1996) solved the task by
    drawing weights at random, in 6 to 22 trials: to be solved says little of a
    contender, how surely it is solved by gradient says more.
    """

    axis: ClassVar[str | None] = "length"

    length: int = eqx.field(static=True)
    form: Form = eqx.field(static=True)
    noise: float = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(
        self,
        *,
        length: AtLeastTwo = 100,
        form: Form = "latch",
        noise: AboveZero = 0.2,
    ):
        if form == "two_sequence" and length <= SHOWN:
            raise ValueError(
                f"bengio_latch needs a length above {SHOWN} in the form two_sequence, "
                f"not {length}"
            )
        self.length, self.form, self.noise = length, form, float(noise)
        self.held_out = SyntheticSplits()

    @property
    def signature(self):
        return Signature(Features(2 if self.form == "free" else 1), Classes(2))

    @property
    def scoring(self):
        return accuracy(chance=0.5, solved=0.99)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return self.held_out.draw(key=key)

    def example(self, row):
        # One draw for all, since every draw has to be compiled.
        draws = jax.random.normal(row, (self.length + 1,))
        positive, normal = draws[0] > 0, draws[1:]
        value = jnp.where(positive, 1.0, -1.0).astype(normal.dtype)
        step = jnp.arange(self.length)
        if self.form == "two_sequence":
            shown = value + self.noise * normal
            inputs = [jnp.where(step < SHOWN, shown, normal)]
        else:
            first = jnp.where(step == 0, value, 0.0)
            later = jnp.where(step == 0, 0.0, self.noise * normal)
            inputs = [first, later] if self.form == "free" else [first + later]
        xs = jnp.stack(inputs, axis=-1)
        return Example(Sequence(xs), positive.astype(jnp.int32))
