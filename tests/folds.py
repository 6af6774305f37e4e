"""A minimal gated recurrence, written as a fold."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nnarena.core.types import Key
from nnarena.models.base import AbstractFold


class MinimalGate(AbstractFold):
    r"""The minimal gated unit of Feng et al. (2024), with elapsed time.

    $$h_t = (1 - z_t)^{dt} h_{t-1} + (1 - (1 - z_t)^{dt}) x_t W, \quad
    z_t = \sigma(x_t U)$$

    An element is what the state is multiplied by, and what is added to it.
    """

    gate_weight: Float[Array, "features hidden"]
    weight: Float[Array, "features hidden"]
    hidden_size: int = eqx.field(static=True)

    def __init__(self, features: int, hidden: int, *, key: Key):
        first, second = jax.random.split(key)
        self.gate_weight = jax.random.normal(first, (features, hidden))
        self.weight = jax.random.normal(second, (features, hidden))
        self.hidden_size = hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def element(self, x, dt):
        kept = jax.nn.sigmoid(-x @ self.gate_weight) ** dt
        return kept, (1.0 - kept) * (x @ self.weight)

    def combine(self, earlier, later):
        return earlier[0] * later[0], earlier[1] * later[0] + later[1]

    def act(self, state, element):
        return state * element[0] + element[1]

    def read(self, state, x):
        del x  # the state is the output
        return state
