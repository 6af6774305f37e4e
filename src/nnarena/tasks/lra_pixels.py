"""Grey images as sequences, as the Long Range Arena reads them."""

import jax.numpy as jnp
from jaxtyping import Array, Shaped

from ..core.types import Features, Sequence, Tokens


GREYS = 256


def inputs_of(*, tokens: bool) -> Tokens | Features:
    """Returns what a step is: one of 256 greys, or a number from 0 to 1."""
    return Tokens(GREYS) if tokens else Features(1)


def as_sequence(pixels: Shaped[Array, " pixels"], *, tokens: bool) -> Sequence:
    """Returns the pixels of an image, bytes, as the steps of a sequence."""
    if tokens:
        return Sequence(pixels.astype(jnp.int32))
    return Sequence(pixels.astype(jnp.float32)[:, None] / (GREYS - 1))
