"""Starting values of weights, by the field's names.

All take the shape as (inputs, outputs), since vectors stand on the left: x @ W.
"""

import math
from collections.abc import Callable
from typing import Literal, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import require
from ..core.types import Key


T = TypeVar("T")

Matrix = Float[Array, "inputs outputs"]


Start = Literal["gates", "matrix"]
"""Matrices of several gates start each gate by itself, or as one wide matrix."""


Through = Literal["linear", "relu", "tanh"]
"""What each layer of a deep stack goes through."""


FORGET_BIAS = 1.0
"""Where the bias of every gate that keeps a state starts (Jozefowicz et al. 2015).

One value for all gated cells: which of them remembers longest at first would else be
decided by their authors' choices. A gate at this bias keeps 0.73 of a state per step.
"""


def gate_biases(
    hidden: int, *, gates: int, keeping: int, forget_bias: float
) -> Float[Array, " biases"]:
    """Returns biases of zero, but `forget_bias` at the gate `keeping` of `gates`."""
    return jnp.zeros((gates, hidden)).at[keeping].set(forget_bias).reshape(-1)


def glorot(
    inputs: int, outputs: int, *, gates: int = 1, start: Start = "gates", key: Key
) -> Matrix:
    """Glorot & Bengio 2010: uniform within +-sqrt(6 / (inputs + outputs)).

    With gates, that many such matrices side by side, `(inputs, gates * outputs)`; as
    one "matrix" the outputs of all gates count, and the start is narrower.
    """
    require(Start, start=start)
    fan_out = gates * outputs if start == "matrix" else outputs
    limit = math.sqrt(6.0 / (inputs + fan_out))
    shape = (inputs, gates * outputs)
    return jax.random.uniform(key, shape, minval=-limit, maxval=limit)


def orthogonal(
    size: int, *, gates: int = 1, start: Start = "gates", key: Key
) -> Matrix:
    """A random orthogonal matrix (Haar), or several side by side.

    The Q of a QR decomposition of normal numbers, its columns signed as R's diagonal
    (Mezzadri 2007). All gates are decomposed at once, which compiles once. As one
    "matrix", `(size, gates * size)` has orthonormal rows: a state keeps its norm over
    all gates together, not in each.
    """
    require(Start, start=start)
    tall = (1, gates * size, size) if start == "matrix" else (gates, size, size)
    q, r = jnp.linalg.qr(jax.random.normal(key, tall))
    q = q * jnp.sign(jnp.diagonal(r, axis1=1, axis2=2))[:, None, :]
    return q[0].T if start == "matrix" else jnp.concatenate(q, axis=1)


def walk_gain(size: int, through: Through) -> float:
    """Returns the gain at which a gradient's norm drifts neither up nor down.

    Of a deep stack of layers `through(g h @ W)` of equal `size`, W with variance
    1 / size. The log of the norm of what comes back through it walks at random then
    (Sussillo & Abbott 2014): "linear" and "relu" are their formulas, exact to
    1 / (6 size^2) and a fit for 20 units or more. Of "tanh" they give none: here it is
    1 + sqrt(3 / (4 size)) + 14 / size^1.5 for 20 units or more, where 1/(2 size) of
    drift is made up for by activations that saturate a little. The first term is the
    leading one of mean-field theory and the second fits gains found by search,
    `experiments/random_walk.py`.
    """
    require(Through, through=through)
    if through == "linear":
        return math.exp(1.0 / (2.0 * size))
    if through == "relu":
        return math.sqrt(2.0) * math.exp(1.2 / (max(size, 6) - 2.4))
    units = max(size, 20)
    return 1.0 + math.sqrt(0.75 / units) + 14.0 / units**1.5


def random_walk(size: int, *, through: Through, key: Key) -> Matrix:
    """Normal with the variance gain^2 / size: a layer of a deep stack of such.

    With the `walk_gain` of what the layers go `through`.
    """
    scale = walk_gain(size, through) / math.sqrt(size)
    return scale * jax.random.normal(key, (size, size))


def within(limit: float, tree: T, *, key: Key) -> T:
    """Returns parts with all their numbers drawn uniformly within +-limit."""

    def draw(array: Array, key: Key) -> Array:
        return jax.random.uniform(key, array.shape, minval=-limit, maxval=limit)

    return _redrawn(draw, tree, key=key)


def near_zero(deviation: float, tree: T, *, key: Key) -> T:
    """Returns parts with normal matrices of that deviation, and vectors of zero."""

    def draw(array: Array, key: Key) -> Array:
        if array.ndim == 1:
            return jnp.zeros_like(array)
        return deviation * jax.random.normal(key, array.shape)

    return _redrawn(draw, tree, key=key)


def _redrawn(draw: Callable[[Array, Key], Array], tree: T, *, key: Key) -> T:
    arrays, rest = eqx.partition(tree, eqx.is_inexact_array)
    leaves, shape = jax.tree.flatten(arrays)
    keys = jax.random.split(key, len(leaves))
    drawn = [draw(leaf, own) for leaf, own in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(shape, drawn), rest)
