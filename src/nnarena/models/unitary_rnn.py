"""The unitary network whose matrix is made of rotations."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AboveZero, AtLeastOne, NotNegative, held
from ..core.types import Key
from ..nn import unitary
from . import MODELS
from .unitary_cell import (
    AbstractUnitaryCell,
    InputScale,
    Output,
    input_weight,
    output_size,
)


@MODELS.register("unitary_rnn", family="unitary", source="jing2017tunable")
class UnitaryRNN(AbstractUnitaryCell):
    r"""A recurrent network whose matrix is a few layers of rotations (EUNN).

    $$\begin{aligned}
    W &= D \, F_L \cdots F_2 F_1, \quad D = \mathrm{diag}(e^{i \omega}) \\
    F_{(p,q)} &= \begin{pmatrix} \cos\theta & -e^{i\phi} \sin\theta \\
    \sin\theta & e^{i\phi} \cos\theta \end{pmatrix}, \quad (p, q) =
    (0, 1), (2, 3), \ldots \text{ or } (1, 2), (3, 4), \ldots \text{ in turn} \\
    h_t &= \mathrm{modReLU}(W h_{t-1} + V x_t;\, b), \quad
    \mathrm{modReLU}(z; b) = \max(m + b, 0) \, z / m, \quad m = |z| + s
    \end{aligned}$$

    $W$ is unitary whatever the angles, so that it stretches neither state nor
    gradient. The number of layers $L$, `capacity`, is tunable: with one layer only
    neighbors meet, with as many as units every unitary matrix is reached. It differs
    from `exp_unitary` in how $W$ is parametrized, in its start and in its output.

    `capacity` is 16 unless told otherwise, or as many as there are units. `output` is
    "real" ($\mathrm{Re}\, h$) or "both" ($[\mathrm{Re}\, h, \mathrm{Im}\, h]$).
    $V$ starts uniform within `input_scale` in both parts, Glorot-uniform if it is
    None (with "parts" each by itself); $b$ at zero; `start` sets the angles: "random"
    (uniform), "phases" ($\omega$ random, all others zero) or "identity" (all zero).
    `stabilizer` is $s$, and `epsilon` is under the root of $|z|$. $W$ learns at
    `matrix_rate` times the rate of the other weights. The thesis ("Unitary RNN") is
    the default with 128 units.

    The form is the tunable one of the paper with the phase on the second column
    instead of the first row, as the thesis has it, which reaches the same matrices.
    $W$ is formed once per sequence, where paper and thesis turn the state step by step.
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
        capacity: AtLeastOne | None = None,
        start: unitary.Start = "random",
        output: Output = "real",
        input_scale: InputScale = 0.01,
        stabilizer: NotNegative = 0.01,
        epsilon: AboveZero = 1e-12,
        matrix_rate: AboveZero = 1.0,
        key: Key,
    ):
        matrix_key, input_key = jax.random.split(key)
        capacity = min(16, hidden) if capacity is None else capacity
        self.recurrent_weight = unitary.unitary_map(
            "eunn", hidden, capacity=capacity, start=start, key=matrix_key
        )
        self.input_weight = input_weight(features, hidden, input_scale, key=input_key)
        self.bias = jnp.zeros(hidden)
        self.matrix_rate = matrix_rate
        self.stabilizer, self.epsilon = stabilizer, epsilon
        self.hidden_size = output_size(hidden, output)

    def init_state(self):
        return jnp.zeros(2 * len(self.bias))
