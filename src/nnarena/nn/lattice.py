"""Who reads whom in an array of units: all, some, or the neighbors on a lattice.

Laid out with NumPy, so that the array is part of what a contender is, not of its
random start.
"""

import math
import re

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core.numbers import AtLeastOne, require
from ..core.roles import role
from .parametrization import AbstractParametrization
from .wiring import Adjacency, edges


def adjacency_matrix(form: str, units: int, *, fan_in: int, seed: int) -> Adjacency:
    """Returns 1 where a unit (row) is read by another (column), 0 elsewhere.

    "dense": each reads all. "sparse": each reads `fan_in` units, drawn by the seed
    without replacement; all, if there are not as many. "ring": each reads itself and
    its two neighbors on a circle. "grid:AxB...", of any dimension: each reads itself
    and those one step away along an axis; there is nothing beyond the sides. A first
    side of "*" is as long as the units need, and its last layer may not be full.

    Raises:
        ValueError: there is no such form, a unit is to read none, or the grid has
            another number of places than there are units.
    """
    if form == "dense":
        return np.ones((units, units), np.int32)
    if form == "sparse":
        return _draw(units, fan_in, seed)
    if form == "ring":
        apart = np.subtract.outer(np.arange(units), np.arange(units)) % units
        return np.isin(apart, (0, 1, units - 1)).astype(np.int32)
    places = np.unravel_index(np.arange(units), _sides(form, units))
    steps = np.stack([np.abs(np.subtract.outer(axis, axis)) for axis in places])
    return (steps.sum(axis=0) <= 1).astype(np.int32)


def _draw(units: int, fan_in: int, seed: int) -> Adjacency:
    require(AtLeastOne, fan_in=fan_in)
    rng = np.random.default_rng(seed)
    read = np.zeros((units, units), np.int32)
    for target in range(units):
        read[rng.choice(units, size=min(fan_in, units), replace=False), target] = 1
    return read


def _sides(form: str, units: int) -> tuple[int, ...]:
    """Returns the sides of a grid that has room for the units."""
    match = re.fullmatch(r"grid:(\*|[1-9]\d*)((?:x[1-9]\d*)*)", form)
    if match is None:
        raise ValueError(
            f"adjacency {form!r} is none of dense, sparse, ring and grid:AxB..., whose "
            "first side may be *"
        )
    others = [int(side) for side in match[2].split("x")[1:]]
    fitting = -(-units // math.prod(others))
    sides = (fitting if match[1] == "*" else int(match[1]), *others)
    if match[1] != "*" and math.prod(sides) != units:
        raise ValueError(
            f"adjacency {form!r} has {math.prod(sides)} places for {units} units; a "
            "first side of * fits any number"
        )
    return sides


class OnEdges(AbstractParametrization):
    """A matrix whose weights stand on the edges of an array, zeros elsewhere.

    Made once per sequence: within the loop over time a vector is multiplied by it,
    which gathers nothing, while only what is on an edge counts as a weight.
    """

    weight: Float[Array, " edges"] = eqx.field(metadata=role(decay=True))
    source: Int[Array, " edges"]
    target: Int[Array, " edges"]
    units: int = eqx.field(static=True)

    def __init__(self, adjacency: Adjacency, weights: Float[Array, "units units"]):
        own = edges(adjacency)
        self.source, self.target = jnp.asarray(own.source), jnp.asarray(own.target)
        self.weight = weights[self.source, self.target]
        self.units = own.targets

    def value(self) -> Float[Array, "units units"]:
        """Returns the matrix, sources in rows."""
        empty = jnp.zeros((self.units, self.units), self.weight.dtype)
        return empty.at[self.source, self.target].set(self.weight)
