"""An echo state network: random weights that nothing trains, and a readout.

A plug-in of the tests: `plugins = [".../tests/reservoir.py"]`.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

import nnarena


@nnarena.MODELS.register("reservoir", family="reservoir", source="a test")
class Reservoir(nnarena.AbstractCell):
    r"""A tanh layer that stays as it starts: $$h_t = \tanh(x_t W + h_{t-1} U)$$.

    The spectral radius of $U$ starts at `radius`.
    """

    enter: nnarena.Frozen
    recurrent: nnarena.Frozen
    hidden_size: int = eqx.field(static=True)

    def __init__(self, features, hidden, *, radius: float = 0.9, key):
        enter_key, recurrent_key = jax.random.split(key)
        scale = radius / hidden**0.5  # by the circular law
        recurrent = scale * jax.random.normal(recurrent_key, (hidden, hidden))
        self.enter = nnarena.Frozen(jax.random.normal(enter_key, (features, hidden)))
        self.recurrent = nnarena.Frozen(recurrent)
        self.hidden_size = hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        del dt
        h = jnp.tanh(x @ self.enter + state @ self.recurrent)  # pyright: ignore
        return h, h
