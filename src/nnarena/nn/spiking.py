"""A column of spiking neurons: where they stand, and who hears whom how strongly."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..core.types import Key


SIDE = 3
"""Neurons along two sides of the column; the third is as long as it takes."""

CHANCE = ((0.3, 0.2), (0.4, 0.1))
"""How probable a synapse of two neurons at no distance is, by the kind of both.

From excitatory ones in the first row, to excitatory ones in the first column.
"""

JUMP = ((3.0, 6.0), (-3.8, -3.8))
"""By how many mV a spike moves the neuron that hears it, in the mean.

Currents of 30, 60 and -19 nA, into 1 MOhm, that fade with 3 ms of excitatory and 6 ms
of inhibitory synapses, where the membrane has 30 ms: the charge arrives at once.
"""


def inhibitory_among(neurons: int, share: float, *, key: Key) -> Bool[Array, " hidden"]:
    """Returns which neurons inhibit: a share of them, rounded, drawn at random."""
    return jax.random.permutation(key, neurons) < round(share * neurons)


def places_of(neurons: int) -> Float[Array, "hidden 3"]:
    """Returns where neurons stand: points of a grid, one apart, floor by floor."""
    index = jnp.arange(neurons)
    floor, rest = jnp.divmod(index, SIDE * SIDE)
    return jnp.stack([floor, *jnp.divmod(rest, SIDE)], axis=1).astype(float)


def synapses(
    inhibitory: Bool[Array, " hidden"], *, reach: float, key: Key
) -> Float[Array, "hidden hidden"]:
    """Returns the jumps in mV, from the neurons of the rows to those of the columns.

    Two are joined with a chance that falls as exp(-(distance / reach)^2), and none to
    itself. Sizes are exponentially distributed, as wide as their mean.
    """
    neurons = inhibitory.shape[0]
    place_key, size_key = jax.random.split(key)
    places, kind = places_of(neurons), inhibitory.astype(int)
    pairs = kind[:, None], kind[None]
    squares = jnp.sum((places[:, None] - places[None]) ** 2, axis=-1)
    chance = jnp.asarray(CHANCE)[pairs] * jnp.exp(-squares / reach**2)
    joined = jax.random.uniform(place_key, squares.shape) < chance
    sizes = jax.random.exponential(size_key, squares.shape)
    there = joined & ~jnp.eye(neurons, dtype=bool)
    return jnp.where(there, jnp.asarray(JUMP)[pairs] * sizes, 0.0)
