"""The reciprocal gated cell: two states, each of which gates the other's input."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import held
from ..core.types import Key
from ..nn import initializers
from . import MODELS
from .base import AbstractCell


Gate = Literal["sigmoid", "tanh"]
"""What a gate closes by: a share in (0, 1), or a number in (-1, 1)."""


@MODELS.register("reciprocal_gated", family="gated", source="nayebi2018task")
class ReciprocalGated(AbstractCell):
    r"""Two states that leak by their own gates and shut the other's input.

    $$\begin{aligned}
    c_t &= f\big((1 - g(c_{t-1} W_{cc} + b_{cc})) \odot c_{t-1} +
    (1 - g(h_{t-1} W_{hc} + b_{hc})) \odot x_t U_c\big) \\
    h_t &= f\big((1 - g(h_{t-1} W_{hh} + b_{hh})) \odot h_{t-1} +
    (1 - g(c_{t-1} W_{ch} + b_{ch})) \odot x_t U_h\big)
    \end{aligned}$$

    $f$ is ELU. A memory $c$ and an output $h$, both as in a residual network: what
    each keeps is gated by itself, what it takes in by the other one. A `gru` has one
    state, whose gates are of input and state; here no gate sees the input.

    `gate` is $g$. With "sigmoid", of the paper, a closed gate keeps all and one at its
    start half. With "tanh", the default of the authors' code, one at its start keeps
    all: both states are sums of their inputs, where these are not negative. But a
    factor may reach 2, so that states can explode.

    Of the convolutional cell this is the form in one dimension, with the output alone
    as what is handed on. The code hands its input to $h$ as it is; here both states
    have a map $U$ of their own. All matrices start Glorot-uniform, biases and states
    zero.
    """

    input_weight: Float[Array, "features 2*hidden"]
    cell_weight: Float[Array, "hidden 2*hidden"]
    output_weight: Float[Array, "hidden 2*hidden"]
    cell_bias: Float[Array, " 2*hidden"]
    output_bias: Float[Array, " 2*hidden"]
    hidden_size: int = eqx.field(static=True)
    gate: Gate = eqx.field(static=True)

    @held
    def __init__(self, features: int, hidden: int, *, gate: Gate = "sigmoid", key: Key):
        input_key, cell_key, output_key = jax.random.split(key, 3)
        self.input_weight = initializers.glorot(
            features, hidden, gates=2, key=input_key
        )
        self.cell_weight = initializers.glorot(hidden, hidden, gates=2, key=cell_key)
        self.output_weight = initializers.glorot(
            hidden, hidden, gates=2, key=output_key
        )
        self.cell_bias, self.output_bias = jnp.zeros(2 * hidden), jnp.zeros(2 * hidden)
        self.hidden_size, self.gate = hidden, gate

    def init_state(self):
        return jnp.zeros(self.hidden_size), jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        c, h = state
        to_c, to_h = jnp.split(x @ self.input_weight, 2)
        # Each state's gates lie side by side: of itself, then of the other's input.
        c_kept, h_open = self._open(c @ self.cell_weight + self.cell_bias)
        h_kept, c_open = self._open(h @ self.output_weight + self.output_bias)
        c, h = (
            jax.nn.elu(c_kept * c + c_open * to_c),
            jax.nn.elu(h_kept * h + h_open * to_h),
        )
        return (c, h), h

    def _open(
        self, gates: Float[Array, " gates"]
    ) -> tuple[Float[Array, " hidden"], Float[Array, " hidden"]]:
        """Returns what two gates let through."""
        if self.gate == "tanh":
            kept, taken = jnp.split(1.0 - jnp.tanh(gates), 2)
        else:
            kept, taken = jnp.split(jax.nn.sigmoid(-gates), 2)
        return kept, taken
