"""The control that has no memory."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key
from ..nn import initializers
from . import MODELS
from .base import AbstractLayer


@MODELS.register("last_step", family="control", source="rumelhart1986learning")
class LastStep(AbstractLayer):
    r"""A control without memory: a feed-forward network on one step.

    $$h_t = \mathrm{ReLU}(x_t W + b)$$

    With the frame's embedding before it and its head behind it, a network of one
    hidden layer; `depth` adds hidden layers. Where a task answers once, it sees the
    last step alone; where a task answers at every step, the current one. What it
    scores needs no memory; what others score above the better of the two controls may
    be owed to memory, or to a better fit of the last steps. With `readout="mean"` it
    sees every step, and not their order.

    Departs from its source in ReLU for the logistic function. It is `window` with
    `size=1`. $W$ starts Glorot-uniform, $b$ zero.
    """

    weight: Float[Array, "features hidden"]
    bias: Float[Array, " hidden"]
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, features: int, hidden: int, *, key: Key):
        self.weight = initializers.glorot(features, hidden, key=key)
        self.bias = jnp.zeros(hidden)
        self.hidden_size = hidden
        self.causal = True

    def __call__(self, sequence, *, key=None):
        del key  # nothing is drawn; no step knows when the one before it was
        return jax.nn.relu(sequence.xs @ self.weight + self.bias[None])
