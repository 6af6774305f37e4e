"""All maps to unitary matrices by name, and how they start."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...core.numbers import AtLeastOne, require
from ...core.types import Key
from .cayley import CayleyMap
from .composition import CompositionMap
from .exponential import ExponentialMap
from .forms import AbstractUnitaryMap
from .generators import SkewHermitian, Triangle, diagonal_places
from .householder import HouseholderMap, vector_numbers
from .rotations import RotationMap


Start = Literal["identity", "phases", "random"]
"""W = 1, W = diag(e^{i theta}) with theta uniform, or a matrix without structure."""

MapName = Literal[
    "exponential",
    "thesis",
    "taylor",
    "pade",
    "cayley",
    "householder",
    "composition",
    "eunn",
]
"""The maps that a unitary contender may be built on."""


DEGREE = 6
"""That of approximated exponentials, unless another one is given."""


@dataclass(frozen=True)
class Plan:
    """What a map is to be made of."""

    size: int
    capacity: int | float | None
    degree: int
    start: Start
    key: Key

    @property
    def phases(self) -> Float[Array, " size"]:
        """The angles of the diagonal, the same for every map."""
        if self.start == "identity":
            return jnp.zeros(self.size)
        return self.uniform(self.key, self.size)

    def uniform(self, key: Key, *shape: int) -> Float[Array, "..."]:
        """Returns angles from all around the circle."""
        return jax.random.uniform(key, shape, minval=-jnp.pi, maxval=jnp.pi)

    def count(self, of: str, full: int) -> int:
        """Returns the capacity as a number of parts, all of them by default.

        Raises:
            ValueError: it is not a number from 1 to the number of units.
        """
        count = full if self.capacity is None else self.capacity
        if int(count) != count or not 1 <= count <= self.size:
            raise ValueError(
                f"capacity is {count}, but of {of} there may be 1 to {self.size}, "
                "the number of units"
            )
        return int(count)


def unitary_map(
    name: MapName,
    size: int,
    *,
    capacity: int | float | None = None,
    degree: int = DEGREE,
    start: Start = "random",
    key: Key,
) -> AbstractUnitaryMap:
    """Returns a map to unitary matrices of `size` rows, at its start.

    The starts "identity" and "phases" are the same matrix for every map that has it,
    under one key. "random" is each map's own: exponents with eigenvectors of Haar's
    measure and a semicircle of phases in (-pi, pi), angles uniform, vectors normal
    (with all reflections W is then of Haar's measure), the composition as its paper
    has it. `capacity` is the number of layers of "eunn", of reflections of
    "householder", the share of trained entries of "thesis"; `degree` that of "taylor"
    and "pade".

    Raises:
        ValueError: there is no such map or start, the map has no such start, or a
            number is out of its range.
    """
    require(MapName, map=name)
    require(Start, start=start)
    require(AtLeastOne, degree=degree)
    if capacity is not None and name not in ("eunn", "householder", "thesis"):
        raise ValueError(f"map {name!r} has no capacity, but {capacity} was given")
    if degree != DEGREE and name not in ("taylor", "pade"):
        raise ValueError(f"map {name!r} has no degree, but {degree} was given")
    return MAKERS[name](Plan(size, capacity, degree, start, key))


def _exponent(plan: Plan) -> SkewHermitian:
    """Returns a generator with n^2 numbers."""
    if plan.start != "random":
        return SkewHermitian(jnp.diag(plan.phases / 2.0))  # the map doubles it
    deviation = _deviation(plan.size)
    raw = deviation * jax.random.normal(plan.key, (plan.size, plan.size))
    diagonal = jnp.eye(plan.size, dtype=bool)
    return SkewHermitian(jnp.where(diagonal, raw * 0.5**0.5, raw))


def _deviation(size: int) -> float:
    """Returns that of numbers whose exponent has its spectrum within (-pi, pi)."""
    return jnp.pi / (8.0 * size) ** 0.5


def _exponential(plan: Plan) -> AbstractUnitaryMap:
    return ExponentialMap(_exponent(plan))


def _taylor(plan: Plan) -> AbstractUnitaryMap:
    return ExponentialMap(_exponent(plan), "taylor", plan.degree)


def _pade(plan: Plan) -> AbstractUnitaryMap:
    return ExponentialMap(_exponent(plan), "pade", plan.degree)


def _thesis(plan: Plan) -> AbstractUnitaryMap:
    share = 1.0 if plan.capacity is None else plan.capacity
    if not 0.0 < share <= 1.0:
        raise ValueError(f"capacity is {share}, but must be a share of at most 1")
    places = diagonal_places(plan.size)
    entries = plan.size * (plan.size + 1) // 2
    trained = max(int(share * entries), 1)
    if plan.start == "random":
        parts = _deviation(plan.size) * jax.random.normal(plan.key, (2, entries))
        parts = parts.at[1, places].multiply(0.5**0.5)
    elif plan.start == "phases" and max(places) >= trained:
        raise ValueError(f"with capacity {share} the diagonal cannot start at phases")
    else:
        parts = jnp.zeros((2, entries)).at[1, places].set(plan.phases / 2.0)
    return ExponentialMap(Triangle(parts[0, :trained], parts[1, :trained], plan.size))


def _cayley(plan: Plan) -> AbstractUnitaryMap:
    if plan.start == "random":
        return CayleyMap(_exponent(plan), plan.uniform(_other(plan), plan.size))
    return CayleyMap(SkewHermitian(jnp.zeros((plan.size, plan.size))), plan.phases)


def _other(plan: Plan) -> Key:
    """Returns a key for what is not on the diagonal."""
    return jax.random.fold_in(plan.key, 1)


def _householder(plan: Plan) -> AbstractUnitaryMap:
    count = plan.count("reflections", max(plan.size - 1, 1))
    numbers = vector_numbers(plan.size, count)
    if plan.start == "random":
        parts = jax.random.normal(_other(plan), (2, numbers))
        return HouseholderMap(parts[0], parts[1], plan.phases, plan.size, count)
    # Unit vectors: reflections of single coordinates, which the diagonal undoes.
    lengths = np.arange(plan.size, plan.size - count, -1)
    real = jnp.zeros(numbers).at[np.cumsum(lengths) - lengths].set(1.0)
    undone = jnp.where(jnp.arange(plan.size) < count, jnp.pi, 0.0)
    phases = plan.phases + undone
    return HouseholderMap(real, jnp.zeros(numbers), phases, plan.size, count)


def _composition(plan: Plan) -> AbstractUnitaryMap:
    if plan.start != "random":
        raise ValueError(f"map 'composition' cannot start at {plan.start!r}")
    phase_key, vector_key, order_key = jax.random.split(plan.key, 3)
    phases = plan.uniform(phase_key, 3, plan.size)
    vectors = jax.random.uniform(vector_key, (2, 2, plan.size), minval=-1.0)
    order = jax.random.permutation(order_key, plan.size)
    return CompositionMap(phases, vectors[0], vectors[1], order)


def _eunn(plan: Plan) -> AbstractUnitaryMap:
    layers = plan.count("layers of rotations", plan.size)
    shapes = [
        (2, (layers + 1) // 2, plan.size // 2),
        (2, layers // 2, (plan.size - 1) // 2),
    ]
    if plan.start != "random":
        odd, even = (jnp.zeros(shape) for shape in shapes)
    else:
        keys = jax.random.split(_other(plan))
        odd, even = (plan.uniform(k, *s) for k, s in zip(keys, shapes, strict=True))
    return RotationMap(odd, even, plan.phases)


MAKERS: dict[str, Callable[[Plan], AbstractUnitaryMap]] = {
    "exponential": _exponential,
    "thesis": _thesis,
    "taylor": _taylor,
    "pade": _pade,
    "cayley": _cayley,
    "householder": _householder,
    "composition": _composition,
    "eunn": _eunn,
}
