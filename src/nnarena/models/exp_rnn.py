"""The orthogonal network whose matrix is an exponential, at its authors' start."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AboveZero, held
from ..core.types import Key
from ..nn.unitary import ExponentialMap, in_planes
from . import MODELS
from .orthogonal_cell import AbstractOrthogonalCell, cayley_start


ExpStart = Literal["henaff", "cayley"]
"""Angles of the planes: uniform in (-pi, pi), or -tan(t / 2) of t in (0, pi/2)."""


@MODELS.register("exp_rnn", family="unitary", source="lezcano2019cheap")
class ExpRNN(AbstractOrthogonalCell):
    r"""A real recurrent network whose matrix is a rotation (expRNN).

    $$\begin{aligned}
    W &= \exp(A), \quad A = -A^T \in \mathbb{R}^{n \times n} \\
    h_t &= \mathrm{modReLU}(h_{t-1} W + x_t V;\, b), \quad
    \mathrm{modReLU}(z; b) = \mathrm{sign}(z) \max(|z| + b, 0)
    \end{aligned}$$

    $W$ is a rotation whatever $A$, of $n (n - 1) / 2$ numbers, and every rotation is
    reached. Without input, and with $b = 0$, a state keeps its norm. `exp_unitary` is
    the same with complex numbers and starts of its own.

    `start` says where $A$ begins, a rotation in each of n/2 planes: by an angle uniform
    in $(-\pi, \pi)$ ("henaff", the authors' start of the copy task), or by
    $-\tan(t/2)$ of $t$ uniform in $(0, \pi/2)$ ("cayley", their start of MNIST). $V$
    starts normal with a variance of 2 over its inputs, $b$ uniform within 0.01.
    $A$ learns at `matrix_rate` times the rate of the other weights, the authors' tenth.

    Departs from the paper in the exponential, which is a Taylor polynomial brought back
    to the nearest rotation where they take Padé's (`nnarena.nn.unitary`), and in the
    recipe, theirs being RMSprop. Their later "dtriv", which moves the point that $A$
    starts from every 100 steps, is not built.
    """

    matrix_rate: float = eqx.field(static=True)
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        start: ExpStart = "henaff",
        matrix_rate: AboveZero = 0.1,
        key: Key,
    ):
        matrix_key, input_key, bias_key = jax.random.split(key, 3)
        if start == "henaff":
            angles = jax.random.uniform(
                matrix_key, (hidden // 2,), minval=-jnp.pi, maxval=jnp.pi
            )
            generator = in_planes(angles, hidden)
        else:
            generator = cayley_start(hidden, key=matrix_key)
        self.recurrent_weight = ExponentialMap(generator)
        normal = jax.random.normal(input_key, (features, hidden))
        self.input_weight = (2.0 / features) ** 0.5 * normal
        self.bias = jax.random.uniform(bias_key, (hidden,), minval=-0.01, maxval=0.01)
        self.matrix_rate, self.hidden_size = matrix_rate, hidden
