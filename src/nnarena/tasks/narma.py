"""A nonlinear system of the tenth order: what reservoirs are shown on."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastTwo, NotNegativeInt, held
from ..core.scoring import mean_squared_error
from ..core.types import Example, Features, Scalar, Sequence, Signature, Values
from . import TASKS
from .base import AbstractTask, SyntheticSplits


ORDER = 10
"""Steps over which the system remembers its inputs and outputs."""

VARIANCE, LINEAR = 0.0119, 0.0017
"""Of the outputs, and what the best linear map of the last 50 inputs leaves of it."""


@TASKS.register("narma", family="synthetic dynamics", source="atiya2000new")
class NARMA(AbstractTask):
    r"""Follow a nonlinear system that is driven at random.

        u    .47  .49  .17  .23  .28  .08  ...   ->   y    .10  .13  .14  .14  .15 ...

    Tests memory and products at once: every output depends on the product of two inputs
    nine steps apart, and on ten outputs before. NARMA-10 of Atiya & Parlos (2000), on
    which echo state networks are shown:

    $$y_{t+1} = 0.3 y_t + 0.05 y_t \sum_{i=0}^{9} y_{t-i} + 1.5 u_{t-9} u_t + 0.1$$

    Inputs are uniform in [0, 0.5); before the first, inputs and outputs are 0. At each
    step the input is $u_t$ and the answer $y_{t+1}$, asked online, so that the task is
    causal. Of `length` steps the first `washout` are not judged, while outputs rise to
    their level. The system may run away, so outputs are held at 1: one sequence in 400
    of the default length gets there. Sequences are drawn without end.

    Score: mean squared error; chance 0.0119, the variance of the outputs, so that a
    normalized error is the score over 0.0119. Solved below 0.0017, a normalized error
    of 0.15, which is that of the best linear map of the last 50 inputs; of the last 8
    of them it is 0.0078.
    """

    length: int = eqx.field(static=True)
    washout: int = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(self, *, length: AtLeastTwo = 200, washout: NotNegativeInt = 50):
        if washout >= length:
            raise ValueError(
                f"narma needs a washout below its length of {length}, not {washout}"
            )
        self.length, self.washout = length, washout
        self.held_out = SyntheticSplits()

    @property
    def signature(self):
        return Signature(Features(1), Values(1), "every step", causal=True)

    @property
    def scoring(self):
        return mean_squared_error(chance=VARIANCE, solved=LINEAR)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return self.held_out.draw(key=key)

    def example(self, row):
        inputs = jax.random.uniform(row, (self.length,), maxval=0.5)
        return Example(
            Sequence(inputs[:, None]),
            respond(inputs)[:, None],
            jnp.arange(self.length) >= self.washout,
        )


def respond(inputs: Float[Array, " time"]) -> Float[Array, " time"]:
    """Returns the output that follows each input, of a system at rest before."""
    earlier = jnp.pad(inputs, (ORDER - 1, 0))[: inputs.shape[0]]

    def step(
        last: Float[Array, " order"], drive: Scalar
    ) -> tuple[Float[Array, " order"], Scalar]:
        y = 0.3 * last[0] + 0.05 * last[0] * jnp.sum(last) + drive + 0.1
        y = jnp.minimum(y, 1.0)
        return jnp.concatenate([y[None], last[:-1]]), y

    at_rest = jnp.zeros(ORDER, inputs.dtype)
    _, outputs = jax.lax.scan(step, at_rest, 1.5 * earlier * inputs)
    return outputs
