"""The recurrence that orthogonal contenders share, whatever their matrix is from."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.roles import role
from ..core.types import Key
from ..nn.parametrization import AbstractParametrization
from ..nn.unitary import SkewSymmetric, in_planes, real_modrelu
from .base import AbstractCell


class AbstractOrthogonalCell(AbstractCell):
    """One step of real units whose recurrent matrix keeps every norm.

    What W is formed from moves at `matrix_rate` times the learning rate.
    """

    recurrent_weight: AbstractParametrization = eqx.field(
        metadata=role(decay=False, rate="matrix_rate")
    )
    input_weight: Float[Array, "features hidden"]
    bias: Float[Array, " hidden"]
    matrix_rate: eqx.AbstractVar[float]
    hidden_size: eqx.AbstractVar[int]

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        ready: Any = self  # once resolved, its weights are plain arrays
        z = state @ ready.recurrent_weight + x @ self.input_weight
        h = real_modrelu(z, self.bias)
        return h, h


def cayley_start(hidden: int, *, key: Key) -> SkewSymmetric:
    """Returns the generator that scoRNN starts at, and expRNN on MNIST.

    Of angles t uniform in (0, pi/2), one for each plane, it holds
    -sqrt((1 - cos t) / (1 + cos t)) = -tan(t / 2), so that Cayley's transform turns the
    plane by t.
    """
    angles = jax.random.uniform(key, (hidden // 2,), maxval=jnp.pi / 2.0)
    return in_planes(-jnp.tan(angles / 2.0), hidden)
