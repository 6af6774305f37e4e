"""Ways to tell a model where in the sequence a step stands."""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Times


Positions = Literal["none", "sinusoidal", "rotary", "time"]
POSITIONS = ("none", "sinusoidal", "rotary", "time")


def angles(ts: Times, size: int) -> Float[Array, "time half"]:
    """Returns t / 10000^(2i/size) for i < size/2, the wavelengths of both encodings."""
    exponents = jnp.arange(0, size, 2, dtype=jnp.float32) / size
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
