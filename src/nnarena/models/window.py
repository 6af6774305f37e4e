"""The control whose memory is a window of fixed length."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, held
from ..core.types import Key
from ..nn import initializers
from . import MODELS
from .base import AbstractLayer


@MODELS.register("window", family="control", source="waibel1989phoneme")
class Window(AbstractLayer):
    r"""A control with a short memory: a feed-forward network on the last steps.

    $$h_t = \mathrm{ReLU}([x_{t-k+1}, \dots, x_t] W + b)$$

    The window holds the last $k$ (`size`) steps, zeros where the sequence had not
    begun. What a contender scores above this and `last_step` may be owed to older
    steps, or to a better fit than this network finds of the same ones. With the frame's
    embedding before it and its head behind it, a network of one hidden layer on these
    steps. With `depth` layers stack, as in a time-delay network, and the answer sees
    the last depth * (k - 1) + 1 steps.

    Departs from Waibel et al. (1989), whose second layer sees a longer window than the
    first and whose answer sums over time, in being one layer whose last output
    answers, and in ReLU for the logistic function. `last_step` is the same with $k=1$.
    $W$ starts Glorot-uniform, $b$ zero.
    """

    weight: Float[Array, "window hidden"]
    bias: Float[Array, " hidden"]
    size: int = eqx.field(static=True)
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    @held
    def __init__(self, features: int, hidden: int, *, size: AtLeastOne = 8, key: Key):
        self.weight = initializers.glorot(size * features, hidden, key=key)
        self.bias = jnp.zeros(hidden)
        self.size = size
        self.hidden_size = hidden
        self.causal = True

    def __call__(self, sequence, *, key=None):
        del key  # nothing is drawn; steps are counted, not timed
        return jax.nn.relu(self._windows(sequence.xs) @ self.weight + self.bias[None])

    def _windows(
        self, xs: Float[Array, "time features"]
    ) -> Float[Array, "time window"]:
        """Returns for every step the `size` that end in it, oldest first."""
        padded = jnp.pad(xs, ((self.size - 1, 0), (0, 0)))
        steps = xs.shape[0]
        return jnp.concatenate(
            [padded[start : start + steps] for start in range(self.size)], axis=1
        )
