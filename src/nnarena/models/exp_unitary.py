"""The unitary network whose matrix is an exponential."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key
from ..nn import initializers, unitary
from ..nn.parametrization import AbstractParametrization
from . import MODELS
from .base import AbstractCell


@MODELS.register("exp_unitary", family="unitary", source="brantner2021neural")
class ExpUnitary(AbstractCell):
    r"""A recurrent network whose matrix keeps every norm.

    $$\begin{aligned}
    W &= \exp(A), \quad A = -A^H \in \mathbb{C}^{n \times n} \\
    h_t &= \mathrm{modReLU}(h_{t-1} W + x_t V;\, b), \quad
    \mathrm{modReLU}(z; b) = \max(|z| + b, 0) \, z / |z|
    \end{aligned}$$

    $W$ is unitary whatever $A$, so that neither state nor gradient is stretched or
    shrunk by it. $A$ has $n^2$ free numbers, the dimension of the unitary group, all
    of which the map reaches. The exponential is formed once per sequence; states are
    kept as $[\mathrm{Re}\, h, \mathrm{Im}\, h]$, which is also the output.

    "Matrix Exponential Unitary RNN" of the thesis; Lezcano-Casado & Martinez-Rubio
    (2019) did the same for orthogonal matrices (expRNN). Departs from the thesis,
    which filled a complex triangle with n more numbers of zero gradient, started at
    $W = I$ (`start="identity"` here) and formed the exponential at every step. The
    default start is a diagonal of random phases, at which a constant input does not
    pile up. $V$ starts Glorot-uniform, $b$ zero.
    """

    recurrent_weight: AbstractParametrization | Float[Array, "outputs outputs"]
    input_weight: Float[Array, "features outputs"]
    bias: Float[Array, " hidden"]
    hidden_size: int = eqx.field(static=True)

    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        start: Literal["phases", "identity"] = "phases",
        key: Key,
    ):
        starts = ("phases", "identity")
        if start not in starts:
            raise ValueError(f"start {start!r} is none of {', '.join(starts)}")
        matrix_key, input_key = jax.random.split(key)
        self.recurrent_weight = (
            unitary.random_phases(hidden, key=matrix_key)
            if start == "phases"
            else unitary.identity(hidden)
        )
        self.input_weight = initializers.glorot(features, 2 * hidden, key=input_key)
        self.bias = jnp.zeros(hidden)
        self.hidden_size = 2 * hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        z = state @ self.recurrent_weight + x @ self.input_weight
        h = unitary.modrelu(z, self.bias)
        return h, h
