"""The closed-form continuous-time network."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, NotNegativeInt, held
from ..core.types import Key, Scalar
from ..nn import initializers
from . import MODELS
from .base import AbstractCell


Mode = Literal["default", "no_gate", "pure"]

HEADS: dict[Mode, int] = {"default": 4, "no_gate": 4, "pure": 1}
"""How many heads read the backbone, by mode."""


@MODELS.register("cfc", family="continuous time", source="hasani2022closed")
class CfC(AbstractCell):
    r"""A liquid network whose flow between observations is a formula, not a solver.

    $$\begin{aligned}
    z &= \varphi([x_t, h_{t-1}] W + b), \quad
    \varphi(u) = 1.7159 \tanh(0.666 \, u) \\
    f, g, a, s &= \tanh, \tanh, \mathrm{id}, \mathrm{id} \; (z V + c) \\
    h_t &= (1 - \gamma) \odot f + \gamma \odot g, \quad
    \gamma = \sigma(a \, \Delta t + s)
    \end{aligned}$$

    Where `ct_rnn` and `ncp` take several small steps of an equation per observation,
    this has the time as a number in its gate: as it passes, the state goes over from
    $f$ to $g$ (or back, as $a$ says) at no more cost than a gated network's step.

    `mode` is "default" (above), "no_gate", $h_t = f + \gamma \odot g$, or "pure", the
    approximate solution of the liquid network itself:
    $h_t = A - A \odot \tilde f \odot e^{-\Delta t (|w| + |\tilde f|)}$ with
    $\tilde f = z V + c$. The backbone $z$ has `backbone_layers` layers of
    `backbone_units` units, as many as `hidden` unless told otherwise; with no layer,
    $V$ reads $[x_t, h_{t-1}]$ itself.

    The equations are those of the authors' code (`ncps`), whose gate has a term $s$
    beside the paper's; here one matrix holds all four heads. Its backbones have 128
    units whatever the width, with which a cell of 8 was slow to learn: where it left
    0.59 to 0.80 of the error in sums of sequences, as many as `hidden` left 0.09 to
    0.11 (five seeds, 400 steps). In "pure" $A$ and $w$ start at 1, since $|w|$ has no
    gradient at 0. Matrices start Glorot-uniform, each head by itself, biases zero.
    No dropout.
    """

    backbone_weights: tuple[Float[Array, "inputs units"], ...]
    backbone_biases: tuple[Float[Array, " units"], ...]
    head_weight: Float[Array, "inputs heads*hidden"]
    head_bias: Float[Array, " heads*hidden"]
    rate: Float[Array, " hidden"] | None
    amplitude: Float[Array, " hidden"] | None
    hidden_size: int = eqx.field(static=True)
    mode: Mode = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        mode: Mode = "default",
        backbone_units: AtLeastOne | None = None,
        backbone_layers: NotNegativeInt = 1,
        key: Key,
    ):
        backbone_units = hidden if backbone_units is None else backbone_units
        keys = jax.random.split(key, backbone_layers + 1)
        sizes = [features + hidden, *[backbone_units] * backbone_layers]
        self.backbone_weights = tuple(
            initializers.glorot(inputs, backbone_units, key=layer_key)
            for inputs, layer_key in zip(sizes[:-1], keys[:-1], strict=True)
        )
        self.backbone_biases = tuple(
            jnp.zeros(backbone_units) for _ in range(backbone_layers)
        )
        heads = HEADS[mode]
        self.head_weight = initializers.glorot(
            sizes[-1], hidden, gates=heads, key=keys[-1]
        )
        self.head_bias = jnp.zeros(heads * hidden)
        self.rate = jnp.ones(hidden) if mode == "pure" else None
        self.amplitude = jnp.ones(hidden) if mode == "pure" else None
        self.hidden_size = hidden
        self.mode = mode

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        z = jnp.concatenate([x, state])
        for weight, bias in zip(
            self.backbone_weights, self.backbone_biases, strict=True
        ):
            z = lecun_tanh(z @ weight + bias)
        heads = z @ self.head_weight + self.head_bias
        if self.rate is None or self.amplitude is None:
            h = self._gated(heads, dt)
        else:
            decay = jnp.exp(-dt * (jnp.abs(self.rate) + jnp.abs(heads)))
            h = self.amplitude * (1.0 - heads * decay)
        return h, h

    def _gated(
        self, heads: Float[Array, " heads"], dt: Scalar
    ) -> Float[Array, " hidden"]:
        """Returns the state of the modes that have a gate."""
        f, g, slope, shift = jnp.split(heads, 4)
        f, g = jnp.tanh(f), jnp.tanh(g)
        gate = jax.nn.sigmoid(slope * dt + shift)
        return f + gate * (g if self.mode == "no_gate" else g - f)


def lecun_tanh(z: Float[Array, " units"]) -> Float[Array, " units"]:
    """Returns 1.7159 tanh(0.666 z), which leaves 1 near 1 (LeCun et al. 1998)."""
    return 1.7159 * jnp.tanh(0.666 * z)
