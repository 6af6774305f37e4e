"""A sequence read from its end, whose padding comes last all the same."""

import jax.numpy as jnp
from jaxtyping import Array, Int

from ..core.types import Sequence


def mirror(sequence: Sequence) -> Int[Array, " time"]:
    """Returns the place that is as far from the end as each is from the beginning.

    Padding stays where it is. Twice, every step is at its place again.
    """
    places = jnp.arange(sequence.length)
    return jnp.where(places <= sequence.last, sequence.last - places, places)


def mirrored(sequence: Sequence) -> Sequence:
    """Returns the steps from the last that is there to the first.

    Between two steps lies the same time, whoever comes first, and the first begins with
    the time that the first began with.
    """
    places = mirror(sequence)
    dts = sequence.dts[(places + 1) % sequence.length].at[0].set(sequence.dts[0])
    return Sequence(sequence.xs[places], dts, sequence.present)
