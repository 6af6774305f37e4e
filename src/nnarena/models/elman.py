"""The simple recurrent network."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key
from ..nn import initializers
from . import MODELS
from .base import AbstractCell


@MODELS.register("elman", family="recurrent", source="elman1990finding")
class Elman(AbstractCell):
    r"""A tanh layer that sees its own last output.

    $$h_t = \tanh(x_t W + h_{t-1} U + b)$$

    The baseline of every gated and unitary cell here: nothing protects its memory,
    and its gradient vanishes or explodes with the powers of $U$.

    Departs from the paper in the activation (Elman used the logistic function) and
    in training through the whole sequence instead of one step of it. $W$ starts
    Glorot-uniform, $U$ orthogonal, $b$ zero.
    """

    input_weight: Float[Array, "features hidden"]
    recurrent_weight: Float[Array, "hidden hidden"]
    bias: Float[Array, " hidden"]
    hidden_size: int = eqx.field(static=True)

    def __init__(self, features: int, hidden: int, *, key: Key):
        input_key, recurrent_key = jax.random.split(key)
        self.input_weight = initializers.glorot(features, hidden, key=input_key)
        self.recurrent_weight = initializers.orthogonal(hidden, key=recurrent_key)
        self.bias = jnp.zeros(hidden)
        self.hidden_size = hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        h = jnp.tanh(x @ self.input_weight + state @ self.recurrent_weight + self.bias)
        return h, h

    def pulled_back(self, found, x, dt, *, left, covector):
        del found, x, dt  # tanh' is a function of what it gave
        return (covector * (1 - left**2)) @ self.recurrent_weight.T
