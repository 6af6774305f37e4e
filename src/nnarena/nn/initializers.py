"""Starting values of weights, by the field's names.

All take the shape as (inputs, outputs), since vectors stand on the left: x @ W.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key


Matrix = Float[Array, "inputs outputs"]


def glorot(inputs: int, outputs: int, *, key: Key) -> Matrix:
    """Glorot & Bengio 2010: uniform within +-sqrt(6 / (inputs + outputs))."""
    return jax.nn.initializers.glorot_uniform()(key, (inputs, outputs), jnp.float32)


def orthogonal(size: int, gates: int = 1, *, key: Key) -> Matrix:
    """`gates` random orthogonal matrices side by side, (size, gates * size)."""
    draw = jax.nn.initializers.orthogonal()
    keys = jax.random.split(key, gates)
    return jnp.concatenate([draw(k, (size, size), jnp.float32) for k in keys], axis=1)


def glorot_gates(inputs: int, outputs: int, gates: int, *, key: Key) -> Matrix:
    """`gates` Glorot matrices side by side, (inputs, gates * outputs)."""
    keys = jax.random.split(key, gates)
    return jnp.concatenate([glorot(inputs, outputs, key=k) for k in keys], axis=1)
