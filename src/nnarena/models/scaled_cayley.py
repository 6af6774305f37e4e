"""The orthogonal network whose matrix is a scaled Cayley transform (scoRNN)."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AboveZero, NotNegativeInt, held
from ..core.types import Key
from ..nn.unitary import CayleyMap
from . import MODELS
from .orthogonal_cell import AbstractOrthogonalCell, cayley_start


@MODELS.register("scaled_cayley", family="unitary", source="helfrich2018orthogonal")
class ScaledCayley(AbstractOrthogonalCell):
    r"""A real recurrent network whose matrix is orthogonal by a quotient (scoRNN).

    $$\begin{aligned}
    W &= (1 + A)^{-1} (1 - A) \, D, \quad A = -A^T, \quad
    D = \mathrm{diag}(-1, \ldots, -1, 1, \ldots, 1) \\
    h_t &= \mathrm{modReLU}(h_{t-1} W + x_t V;\, b), \quad
    \mathrm{modReLU}(z; b) = \mathrm{sign}(z) \max(|z| + b, 0)
    \end{aligned}$$

    Where `exp_rnn` has an exponential, here one system of equations is solved per
    sequence. The quotient alone has no eigenvalue -1: a rotation by half a turn would
    take an infinite $A$. The fixed signs $D$, of which `negatives` are -1, supply such
    eigenvalues; half of them unless told otherwise, the paper's choice for the copy
    task.

    $A$ starts with a rotation in each of n/2 planes, by angles uniform in
    $(0, \pi/2)$, $V$ uniform within 0.01, $b$ at zero, as the authors' code has it. $A$
    learns at `matrix_rate` times the rate of the other weights, their tenth.

    Departs from the paper in the gradient, which is automatic where they derive it,
    and in the recipe, theirs being RMSprop or Adam by task. The signs -1 come first
    and not last, another order of the units.
    """

    matrix_rate: float = eqx.field(static=True)
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        negatives: NotNegativeInt | None = None,
        matrix_rate: AboveZero = 0.1,
        key: Key,
    ):
        negatives = hidden // 2 if negatives is None else negatives
        if negatives > hidden:
            raise ValueError(
                f"negatives is {negatives}, but there are only {hidden} units to have "
                "a sign"
            )
        matrix_key, input_key = jax.random.split(key)
        generator = cayley_start(hidden, key=matrix_key)
        self.recurrent_weight = CayleyMap(generator, negatives=negatives)
        self.input_weight = jax.random.uniform(
            input_key, (features, hidden), minval=-0.01, maxval=0.01
        )
        self.bias = jnp.zeros(hidden)
        self.matrix_rate, self.hidden_size = matrix_rate, hidden
