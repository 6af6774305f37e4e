"""Recurrent networks that are deep in one of three ways."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, held
from ..core.types import Key
from ..nn import initializers
from . import MODELS
from .base import AbstractCell


Deep = Literal["stacked", "transition", "shortcut"]
"""Where the further layers stand: on top, within the step, or with a way around."""


LayerStart = Literal["glorot", "random_walk"]
"""How the matrices between layers start."""


@MODELS.register("deep_rnn", family="recurrent", source="pascanu2014construct")
class DeepRNN(AbstractCell):
    r"""A tanh network whose depth lies above a step, within it, or beside a shortcut.

    $$\begin{aligned}
    \text{stacked:} \quad h^1_t &= \tanh(x_t W + h^1_{t-1} U_1 + b_1), \quad
    h^l_t = \tanh(h^{l-1}_t V_l + h^l_{t-1} U_l + b_l) \\
    \text{transition:} \quad z^1 &= \tanh(x_t W + h_{t-1} U_1 + b_1), \quad
    z^l = \tanh(z^{l-1} V_l + b_l), \quad h_t = z^L \\
    \text{shortcut:} \quad h_t &= \tanh(z^{L-1} V_L + h_{t-1} S + x_t W_S + b_L)
    \end{aligned}$$

    Three ways to compose $L$ `layers`, as `deep`. A "stacked" network has a state per
    layer and puts out the last one's: from step to step a gradient passes one layer,
    as in `elman`. In a "transition" there is one state, and the way from step to step
    leads through all layers: more can be computed of a state, and a gradient meets $L$
    Jacobians where it met one. The "shortcut" gives it a way of one again. One layer
    is `elman` in the first two forms, and in the third as well, where $U_1$ has no
    place. `depth` of the frame is the stacked form for any contender.

    These are the sRNN, DT-RNN and DT(S)-RNN of the paper; a deep output (DOT) is not
    built, since the head is the same for all contenders. $W$, $V$ and $W_S$ start
    Glorot-uniform, $U$ and $S$ orthogonal, $b$ zero. With the `start` "random_walk" $V$
    is normal instead, at the gain at which the norm of a gradient on its way back
    through many layers of tanh drifts neither up nor down (Sussillo & Abbott 2014).
    Their stacks are feed-forward, as the layers of a "transition" are within a step;
    those of a "stacked" network, which `depth` of `elman` builds at the usual start,
    are driven by a state of their own besides, and a "shortcut" leads around them.
    """

    input_weight: Float[Array, "features hidden"]
    recurrent_weights: tuple[Float[Array, "hidden hidden"], ...]
    layer_weights: tuple[Float[Array, "hidden hidden"], ...]
    biases: tuple[Float[Array, " hidden"], ...]
    shortcut_input_weight: Float[Array, "features hidden"] | None
    shortcut_weight: Float[Array, "hidden hidden"] | None
    hidden_size: int = eqx.field(static=True)
    deep: Deep = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        deep: Deep = "stacked",
        layers: AtLeastOne = 2,
        start: LayerStart = "glorot",
        key: Key,
    ):
        if layers == 1 and start != "glorot":
            raise ValueError(
                f"start = {start!r} is of the matrices between layers, and with one "
                "layer there are none: leave it out, or give more layers"
            )
        input_key, recurrent_key, layer_key, short_key = jax.random.split(key, 4)
        self.input_weight = initializers.glorot(features, hidden, key=input_key)
        stacked = deep == "stacked"
        self.recurrent_weights = tuple(
            initializers.orthogonal(hidden, key=jax.random.fold_in(recurrent_key, i))
            for i in range(layers if stacked else 1)
        )
        self.layer_weights = tuple(
            layer_weight(hidden, start, key=jax.random.fold_in(layer_key, i))
            for i in range(layers - 1)
        )
        self.biases = tuple(jnp.zeros(hidden) for _ in range(layers))
        self.shortcut_input_weight = self.shortcut_weight = None
        if deep == "shortcut" and layers > 1:
            first, second = jax.random.split(short_key)
            self.shortcut_input_weight = initializers.glorot(
                features, hidden, key=first
            )
            self.shortcut_weight = initializers.orthogonal(hidden, key=second)
        self.hidden_size, self.deep = hidden, deep

    def init_state(self):
        return tuple(jnp.zeros(self.hidden_size) for _ in self.recurrent_weights)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        left = (
            self._stacked(state, x)
            if self.deep == "stacked"
            else self._through(state, x)
        )
        return left, left[-1]

    def _stacked(self, state, x):
        """Returns the states of all layers, each driven by the one below."""
        below, left = x, []
        weights = (self.input_weight, *self.layer_weights)
        for weight, own, bias, h in zip(
            weights, self.recurrent_weights, self.biases, state, strict=True
        ):
            below = jnp.tanh(below @ weight + h @ own + bias)
            left.append(below)
        return tuple(left)

    def _through(self, state, x):
        """Returns the one state, after all layers."""
        (h,), (recurrent,) = state, self.recurrent_weights
        z = x @ self.input_weight + h @ recurrent + self.biases[0]
        for weight, bias in zip(self.layer_weights, self.biases[1:], strict=True):
            z = jnp.tanh(z) @ weight + bias
        if self.shortcut_weight is not None:
            assert self.shortcut_input_weight is not None
            z = z + h @ self.shortcut_weight + x @ self.shortcut_input_weight
        return (jnp.tanh(z),)


def layer_weight(
    hidden: int, start: LayerStart, *, key: Key
) -> Float[Array, "hidden hidden"]:
    """Returns a matrix from one layer to the next."""
    if start == "random_walk":
        return initializers.random_walk(hidden, through="tanh", key=key)
    return initializers.glorot(hidden, hidden, key=key)
