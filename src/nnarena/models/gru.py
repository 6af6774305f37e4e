"""The gated recurrent unit."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import Finite, held
from ..core.types import Key
from ..nn import initializers
from . import MODELS
from .base import AbstractCell


@MODELS.register(
    "gru", family="gated", source="cho2014learning", former={"forget_bias": 0.0}
)
class GRU(AbstractCell):
    r"""Two gates, one state: an LSTM without a separate memory.

    $$\begin{aligned}
    r, z &= \sigma(x_t W_{rz} + b_{rz} + h_{t-1} U_{rz} + b'_{rz}) \\
    n &= \tanh(x_t W_n + b_n + r \odot (h_{t-1} U_n + b'_n)) \\
    h_t &= z \odot h_{t-1} + (1 - z) \odot n
    \end{aligned}$$

    The "reset after" form of cuDNN, torch and Keras, with two biases: the reset gate
    acts after the recurrent product. The paper resets before it, which needs a
    second product in sequence. The matrices are fused in the order r, z, n. $W$ starts
    Glorot-uniform and $U$ orthogonal: each of the "gates" by itself, or, with
    `start="matrix"`, all as the one matrix that they are in Keras, about 0.6 as wide.
    Biases start at zero but for that of $z$, which keeps the state as an LSTM's forget
    gate does: it starts at `forget_bias` as theirs do. Keras and torch start it at 0.
    """

    input_weight: Float[Array, "features 3*hidden"]
    recurrent_weight: Float[Array, "hidden 3*hidden"]
    input_bias: Float[Array, " 3*hidden"]
    recurrent_bias: Float[Array, " 3*hidden"]
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
            features, hidden, gates=3, start=start, key=input_key
        )
        self.recurrent_weight = initializers.orthogonal(
            hidden, gates=3, start=start, key=recurrent_key
        )
        self.input_bias = initializers.gate_biases(
            hidden, gates=3, keeping=1, forget_bias=forget_bias
        )
        self.recurrent_bias = jnp.zeros(3 * hidden)
        self.hidden_size = hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        from_input = x @ self.input_weight + self.input_bias
        from_state = state @ self.recurrent_weight + self.recurrent_bias
        input_r, input_z, input_n = jnp.split(from_input, 3)
        state_r, state_z, state_n = jnp.split(from_state, 3)
        r = jax.nn.sigmoid(input_r + state_r)
        z = jax.nn.sigmoid(input_z + state_z)
        n = jnp.tanh(input_n + r * state_n)
        h = z * state + (1.0 - z) * n
        return h, h
