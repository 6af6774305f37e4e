"""The unitary network of rotations, at its authors' start."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AboveZero, AtLeastOne, held
from ..core.types import Key
from ..nn.unitary import unitary_map
from . import MODELS
from .unitary_cell import AbstractUnitaryCell, input_weight


@MODELS.register("eunn", family="unitary", source="jing2017tunable")
class EUNN(AbstractUnitaryCell):
    r"""A recurrent network of a few rotations, as its authors' code starts it.

    $$\begin{aligned}
    W &= D \, F_L \cdots F_2 F_1, \quad D = \mathrm{diag}(e^{i \omega}) \\
    F_{(p,q)} &= \begin{pmatrix} \cos\theta & -e^{i\phi} \sin\theta \\
    \sin\theta & e^{i\phi} \cos\theta \end{pmatrix}, \quad (p, q) =
    (0, 1), (2, 3), \ldots \text{ or } (1, 2), (3, 4), \ldots \text{ in turn} \\
    h_t &= \mathrm{modReLU}(W h_{t-1} + V x_t;\, b), \quad
    \mathrm{modReLU}(z; b) = \max(m + b, 0) \, z / m, \quad m = |z| + 0.01
    \end{aligned}$$

    The network of `unitary_rnn`, which is at the thesis's settings, at those of the
    paper's authors: a `capacity` $L$ of 2 layers, so that two steps take a number to
    its neighbors' neighbors, and an output of $[\mathrm{Re}\, h, \mathrm{Im}\, h]$
    where the thesis reads $\mathrm{Re}\, h$ alone. All angles start uniform in
    $(-\pi, \pi)$, $V$ uniform within 0.01 in both parts, $b$ at zero.
    `matrix_rate` is the rate of the angles as a multiple of the others'; the authors
    have one for all.

    Departs from their code in that a number of units or layers may be odd and $W$ is
    formed once per sequence. Their second form, of pairs as in a fast Fourier
    transform, is not built.
    """

    matrix_rate: float = eqx.field(static=True)
    stabilizer: float = eqx.field(static=True)
    epsilon: float = eqx.field(static=True)
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        capacity: AtLeastOne = 2,
        matrix_rate: AboveZero = 1.0,
        key: Key,
    ):
        matrix_key, input_key = jax.random.split(key)
        self.recurrent_weight = unitary_map(
            "eunn", hidden, capacity=capacity, start="random", key=matrix_key
        )
        self.input_weight = input_weight(features, hidden, 0.01, key=input_key)
        self.bias = jnp.zeros(hidden)
        self.matrix_rate = matrix_rate
        self.stabilizer, self.epsilon = 0.01, 1e-12
        self.hidden_size = 2 * hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)
