"""Ways to tell a model where in the sequence a step stands."""

import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, require
from ..core.roles import role
from ..core.types import Key, Times


Positions = Literal["none", "sinusoidal", "learned", "rotary", "time"]


class PositionCode(eqx.Module):
    """What tells the steps of a sequence apart, in one of five ways.

        none         nothing
        sinusoidal   the waves of the index are added to the vectors
        learned      a vector of its own is added to each of the `longest` first steps
        rotary       queries and keys are turned by the index; nothing is added
        time         the waves of the time that has passed are added

    A learned code starts from normal numbers as large as the sinusoids are (root mean
    square), so that both begin on equal terms. It knows no step beyond its table.
    """

    table: Float[Array, "longest width"] | None = eqx.field(metadata=role(decay=False))
    encoding: Positions = eqx.field(static=True)

    def __init__(self, encoding: Positions, width: int, *, longest: int, key: Key):
        require(Positions, encoding=encoding)
        require(AtLeastOne, longest=longest)
        self.encoding = encoding
        self.table = None
        if encoding == "learned":
            self.table = math.sqrt(0.5) * jax.random.normal(key, (longest, width))

    @property
    def rotary(self) -> bool:
        """Whether queries and keys are to be turned."""
        return self.encoding == "rotary"

    def places(self, dts: Times) -> Times:
        """Returns where each step stands: its index, or the time that has passed."""
        if self.encoding == "time":
            return jnp.cumsum(dts)
        return jnp.arange(dts.shape[0], dtype=dts.dtype)

    def __call__(
        self, xs: Float[Array, "time width"], ts: Times
    ) -> Float[Array, "time width"]:
        """Returns the vectors with the code of their places added.

        Raises:
            ValueError: a learned code meets a longer sequence than its table.
        """
        if self.encoding in ("sinusoidal", "time"):
            return xs + sinusoidal(ts, xs.shape[1])
        if self.table is None:
            return xs
        steps, longest = xs.shape[0], self.table.shape[0]
        if steps > longest:
            raise ValueError(
                f"a learned code for {longest} steps cannot tell {steps} apart; "
                f"set `longest` to at least {steps}"
            )
        return xs + self.table[:steps]


def angles(ts: Times, size: int) -> Float[Array, "time half"]:
    """Returns t / 10000^(2i/size) for i < size/2, the wavelengths of both encodings."""
    exponents = jnp.arange(0, size, 2, dtype=ts.dtype) / size
    return ts[:, None] * (10_000.0**-exponents)[None, :]


def sinusoidal(ts: Times, width: int) -> Float[Array, "time width"]:
    """Returns sin and cos of the angles, interleaved (Vaswani et al. 2017, 3.5)."""
    phase = angles(ts, width)
    waves = jnp.stack([jnp.sin(phase), jnp.cos(phase)], axis=-1)
    return waves.reshape(ts.shape[0], -1)[:, :width]


def rotate(
    vectors: Float[Array, "time heads size"], ts: Times
) -> Float[Array, "time heads size"]:
    """Returns queries or keys turned by their position (Su et al. 2021).

    The first half of the coordinates pairs with the second half ("rotate half").
    """
    phase = angles(ts, vectors.shape[-1])[:, None, :]
    first, second = jnp.split(vectors, 2, axis=-1)
    cos, sin = jnp.cos(phase), jnp.sin(phase)
    return jnp.concatenate(
        [first * cos - second * sin, first * sin + second * cos], axis=-1
    )
