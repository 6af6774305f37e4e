"""The recurrence that unitary contenders share, whatever map their matrix is from."""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import NotNegative, require
from ..core.roles import role
from ..core.types import Key
from ..nn import initializers
from ..nn.parametrization import AbstractParametrization
from ..nn.unitary import modrelu
from .base import AbstractCell


Output = Literal["both", "real"]
"""[Re h, Im h], or Re h alone."""

InputScale = NotNegative | Literal["parts"] | None
"""A bound; or Glorot's, of real and imaginary part as one matrix or by themselves."""


class AbstractUnitaryCell(AbstractCell):
    """One step of n complex units, kept as [Re h, Im h]; entrants set the start.

    What W is formed from moves at `matrix_rate` times the learning rate.
    """

    recurrent_weight: AbstractParametrization | Float[Array, "twice twice"] = eqx.field(
        metadata=role(decay=False, rate="matrix_rate")
    )
    input_weight: AbstractParametrization | Float[Array, "features twice"]
    bias: Float[Array, " units"]
    matrix_rate: eqx.AbstractVar[float]
    stabilizer: eqx.AbstractVar[float]
    epsilon: eqx.AbstractVar[float]
    hidden_size: eqx.AbstractVar[int]

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        ready: Any = self  # once resolved, its weights are plain arrays
        z = state @ ready.recurrent_weight + x @ ready.input_weight
        h = modrelu(z, self.bias, self.epsilon, self.stabilizer)
        return h, h[: self.hidden_size]


class FourierInput(AbstractParametrization):
    """V of an input beside its Fourier transform F x: [x, F x] V = x (V_1 + F V_2).

    The transform is linear in x, so that it changes how V is learned, not what it can
    be, and costs nothing at the steps.
    """

    plain: Float[Array, "features twice"] = eqx.field(metadata=role(decay=True))
    transformed: Float[Array, "features twice"] = eqx.field(metadata=role(decay=True))

    def value(self) -> Float[Array, "features twice"]:
        real, imag = jnp.split(self.transformed, 2, axis=1)
        spectrum = jnp.fft.fft(jax.lax.complex(real, imag), axis=0)
        parts = [jnp.real(spectrum), jnp.imag(spectrum)]
        return self.plain + jnp.concatenate(parts, axis=1)


def input_weight(
    features: int, hidden: int, scale: InputScale, *, key: Key
) -> Float[Array, "features twice"]:
    """Returns a start uniform within `scale`, or Glorot's."""
    require(InputScale, input_scale=scale)
    if scale is None:
        return initializers.glorot(features, 2 * hidden, key=key)
    if scale == "parts":
        return initializers.glorot(features, hidden, gates=2, key=key)
    assert not isinstance(scale, str)
    shape = (features, 2 * hidden)
    return jax.random.uniform(key, shape, minval=-scale, maxval=scale)


def output_size(hidden: int, output: Output) -> int:
    """Returns how many numbers a step hands out."""
    return hidden if output == "real" else 2 * hidden
