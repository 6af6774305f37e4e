"""The unitary network whose matrix is an exponential."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AboveZero, AtLeastOne, NotNegative, held
from ..core.roles import role
from ..core.types import Key
from ..nn import unitary
from . import MODELS
from .unitary_cell import (
    AbstractUnitaryCell,
    FourierInput,
    InputScale,
    Output,
    input_weight,
    output_size,
)


@MODELS.register("exp_unitary", family="unitary", source="brantner2021neural")
class ExpUnitary(AbstractUnitaryCell):
    r"""A recurrent network whose matrix keeps every norm.

    $$\begin{aligned}
    W &= \exp(A), \quad A = -A^H \in \mathbb{C}^{n \times n} \\
    h_t &= \mathrm{modReLU}(h_{t-1} W + x_t V;\, b), \quad
    \mathrm{modReLU}(z; b) = \max(m + b, 0) \, z / m, \quad m = |z| + s
    \end{aligned}$$

    $W$ is unitary whatever $A$, so that neither state nor gradient is stretched or
    shrunk by it. $A$ has $n^2$ free numbers, the dimension of the unitary group, all
    of which the map reaches. The exponential is formed once per sequence; states are
    kept as $[\mathrm{Re}\, h, \mathrm{Im}\, h]$, which is also the output.

    `map` puts another parametrization in the exponential's place and leaves the rest,
    for comparisons that differ in it alone: "thesis" (its filling of $A$, with n idle
    numbers), "taylor" and "pade" (exponentials approximated to `degree`), "cayley",
    "householder", "composition" (Arjovsky et al. 2016) and "eunn" (`unitary_rnn`);
    `capacity` restricts those that can be, see `nnarena.nn.unitary`. `start` is
    "phases" (a diagonal of random phases, at which a constant input does not pile up),
    "identity" or "random". `output` is "both" or "real"; $V$ starts uniform within
    `input_scale`, Glorot-uniform if that is None, and with "parts" its real and its
    imaginary part each by itself; $b$ at zero; `stabilizer` is $s$, and `epsilon` is
    under the root of $|z|$. `trained_start` trains $h_0$, which is zero otherwise;
    `fourier` reads $x$ beside its discrete Fourier transform. $W$ learns at
    `matrix_rate` times the rate of the other weights; expRNN's authors advise a tenth.

    "Matrix Exponential Unitary RNN" of the thesis; Lezcano-Casado & Martinez-Rubio
    (2019) did the same for orthogonal matrices (expRNN). The thesis is 128 units with
    `map="thesis", start="identity", input_scale="parts", stabilizer=0.01` and
    `epsilon=1e-12`; it formed the exponential at every step.
    """

    initial_state: Float[Array, " twice"] | None = eqx.field(metadata=role(decay=False))
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
        map: unitary.MapName = "exponential",
        capacity: AtLeastOne | AboveZero | None = None,
        degree: AtLeastOne = unitary.DEGREE,
        start: unitary.Start = "phases",
        output: Output = "both",
        input_scale: InputScale = None,
        stabilizer: NotNegative = 0.0,
        epsilon: AboveZero = 1e-5,
        trained_start: bool = False,
        fourier: bool = False,
        matrix_rate: AboveZero = 1.0,
        key: Key,
    ):
        matrix_key, input_key = jax.random.split(key)
        self.recurrent_weight = unitary.unitary_map(
            map, hidden, capacity=capacity, degree=degree, start=start, key=matrix_key
        )
        self.input_weight = input_weight(features, hidden, input_scale, key=input_key)
        if fourier:
            other_key = jax.random.fold_in(input_key, 1)
            other = input_weight(features, hidden, input_scale, key=other_key)
            self.input_weight = FourierInput(self.input_weight, other)
        self.bias = jnp.zeros(hidden)
        self.initial_state = jnp.zeros(2 * hidden) if trained_start else None
        self.matrix_rate = matrix_rate
        self.stabilizer, self.epsilon = stabilizer, epsilon
        self.hidden_size = output_size(hidden, output)

    def init_state(self):
        if self.initial_state is None:
            return jnp.zeros(2 * len(self.bias))
        return self.initial_state
