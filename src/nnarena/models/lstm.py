"""Long short-term memory."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import Finite, held
from ..core.types import Key
from ..nn import initializers
from . import MODELS
from .base import AbstractCell


@MODELS.register("lstm", family="gated", source="hochreiter1997long")
class LSTM(AbstractCell):
    r"""A cell that adds to its memory instead of overwriting it.

    $$\begin{aligned}
    i, f, g, o &= \sigma, \sigma, \tanh, \sigma \; (x_t W + h_{t-1} U + b) \\
    c_t &= f \odot c_{t-1} + i \odot g \\
    h_t &= o \odot \tanh(c_t)
    \end{aligned}$$

    Where the forget gate $f$ is open the gradient passes $c$ unchanged: the constant
    error carousel.

    The form is the usual one since Gers et al. (2000), with a forget gate and without
    peepholes, not the one of 1997. The four gates are one matrix, in the order
    i, f, g, o. $W$ starts Glorot-uniform and $U$ orthogonal: each of the "gates" by
    itself, or, with `start="matrix"`, all as the one matrix that they are in Keras,
    about half as wide. The bias starts at zero but for the forget gate's, which is
    `forget_bias` (Jozefowicz et al. 2015).
    """

    input_weight: Float[Array, "features 4*hidden"]
    recurrent_weight: Float[Array, "hidden 4*hidden"]
    bias: Float[Array, " 4*hidden"]
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        forget_bias: Finite = initializers.FORGET_BIAS,
        start: initializers.Start = "gates",
        key: Key,
    ):
        input_key, recurrent_key = jax.random.split(key)
        self.input_weight = initializers.glorot(
            features, hidden, gates=4, start=start, key=input_key
        )
        self.recurrent_weight = initializers.orthogonal(
            hidden, gates=4, start=start, key=recurrent_key
        )
        self.bias = initializers.gate_biases(
            hidden, gates=4, keeping=1, forget_bias=forget_bias
        )
        self.hidden_size = hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size), jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        h, c = state
        gates = x @ self.input_weight + h @ self.recurrent_weight + self.bias
        i, f, g, o = jnp.split(gates, 4)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h
