"""The first unitary network, at its authors' start."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AboveZero, held
from ..core.roles import role
from ..core.types import Key
from ..nn import initializers
from ..nn.unitary import CompositionMap
from . import MODELS
from .unitary_cell import AbstractUnitaryCell


@MODELS.register("urnn", family="unitary", source="arjovsky2016unitary")
class URNN(AbstractUnitaryCell):
    r"""A recurrent network whose matrix is seven simple unitary ones (uRNN).

    $$\begin{aligned}
    W &= D_3 R_2 F^{-1} D_2 P R_1 F D_1 \\
    h_t &= \mathrm{modReLU}(W h_{t-1} + V x_t;\, b), \quad
    \mathrm{modReLU}(z; b) = \max(m + b, 0) \, z / m, \quad m = |z| + 10^{-5}
    \end{aligned}$$

    $D$ are diagonals of phases, $R$ reflections, $F$ the Fourier transform and $P$ a
    permutation drawn once. Only $7n$ numbers make $W$, so that a budget buys many
    units; from seven units on most unitary matrices are out of reach, which
    `exp_unitary` and `eunn` reach. States are kept as $[\mathrm{Re}\, h,
    \mathrm{Im}\, h]$, which is also the output.

    All starts as in the authors' code: phases uniform in $(-\pi, \pi)$, the vectors of
    the reflections and $V$ Glorot-uniform, $b$ uniform within 0.01, and a trained
    $h_0$ uniform within $\sqrt{3 / 2n}$. They train it by RMSprop with one rate for
    all weights; `matrix_rate` is that of $W$ as a multiple of the others'.

    Departs from them in that $W$ is formed once per sequence, where they apply its
    seven parts at every step, and in modReLU's numerator, which has the $10^{-5}$ too.
    """

    initial_state: Float[Array, " twice"] = eqx.field(metadata=role(decay=False))
    matrix_rate: float = eqx.field(static=True)
    stabilizer: float = eqx.field(static=True)
    epsilon: float = eqx.field(static=True)
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(
        self, features: int, hidden: int, *, matrix_rate: AboveZero = 1.0, key: Key
    ):
        keys = jax.random.split(key, 6)

        def uniform(index: int, *shape: int, within: float) -> Array:
            return jax.random.uniform(keys[index], shape, minval=-within, maxval=within)

        vectors = initializers.glorot(2, 2 * hidden, key=keys[1])
        self.recurrent_weight = CompositionMap(
            uniform(0, 3, hidden, within=jnp.pi),
            vectors[:, :hidden],
            vectors[:, hidden:],
            jax.random.permutation(keys[2], hidden),
        )
        self.input_weight = initializers.glorot(features, 2 * hidden, key=keys[3])
        self.bias = uniform(4, hidden, within=0.01)
        self.initial_state = uniform(5, 2 * hidden, within=(1.5 / hidden) ** 0.5)
        self.matrix_rate = matrix_rate
        self.stabilizer, self.epsilon = 1e-5, 1e-12
        self.hidden_size = 2 * hidden

    def init_state(self):
        return self.initial_state
