"""The recurrent network with a second, longer link through time."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, held
from ..core.types import Key
from ..nn import initializers
from . import MODELS
from .base import AbstractCell


@MODELS.register("skip_rnn", family="recurrent", source="lin1996learning")
class SkipRNN(AbstractCell):
    r"""A tanh layer that sees its last output and that of some steps before.

    $$h_t = \tanh(x_t W + h_{t-1} U_1 + h_{t-d} U_d + b)$$

    Over $T$ steps a gradient may take $T / d$ links of length $d$ in the place of $T$
    short ones: what vanishes as $w^T$ in `elman` vanishes as $w^{T/d}$ here. Nothing
    keeps it from growing by as little. The state is a queue of the last $d$ outputs,
    zero before the first step, so that `delay` $d$ costs memory and no weights, and the
    longer link carries nothing in a sequence of no more than $d$ steps; with a delay of
    1 the layer is `elman` with $U_1 + U_d$.

    The paper argues for delays in the feedback of NARX networks, which is of their
    output, at every length up to $d$; here it is of the hidden layer, at the lengths 1
    and $d$ alone. $W$ starts Glorot-uniform; $U_1$ and $U_d$ orthogonal
    and divided by $\sqrt 2$, so that both together drive a unit as one does in
    `elman`; $b$ zero.
    """

    input_weight: Float[Array, "features hidden"]
    recurrent_weight: Float[Array, "hidden hidden"]
    delayed_weight: Float[Array, "hidden hidden"]
    bias: Float[Array, " hidden"]
    hidden_size: int = eqx.field(static=True)
    delay: int = eqx.field(static=True)

    @held
    def __init__(self, features: int, hidden: int, *, delay: AtLeastOne = 4, key: Key):
        input_key, recurrent_key = jax.random.split(key)
        self.input_weight = initializers.glorot(features, hidden, key=input_key)
        both = initializers.orthogonal(hidden, gates=2, key=recurrent_key) / 2.0**0.5
        self.recurrent_weight, self.delayed_weight = jnp.split(both, 2, axis=1)
        self.bias = jnp.zeros(hidden)
        self.hidden_size, self.delay = hidden, delay

    def init_state(self):
        return jnp.zeros((self.delay, self.hidden_size))

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        last, oldest = state[-1], state[0]
        drive = last @ self.recurrent_weight + oldest @ self.delayed_weight
        h = jnp.tanh(x @ self.input_weight + drive + self.bias)
        # The queue moves by a copy: a place that turns would be a gather in the loop.
        queue = jnp.concatenate([state[1:], h[None]])
        return queue, queue[-1]  # an output that is seen to be a part of the state
