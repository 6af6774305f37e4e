"""Starting values of weights, by the field's names.

All take the shape as (inputs, outputs), since vectors stand on the left: x @ W.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key


Matrix = Float[Array, "inputs outputs"]


def glorot(inputs: int, outputs: int, *, gates: int = 1, key: Key) -> Matrix:
    """Glorot & Bengio 2010: uniform within +-sqrt(6 / (inputs + outputs)).

    With gates, that many such matrices side by side: (inputs, gates * outputs).
    """
    limit = math.sqrt(6.0 / (inputs + outputs))
    shape = (inputs, gates * outputs)
    return jax.random.uniform(key, shape, minval=-limit, maxval=limit)


def orthogonal(size: int, *, gates: int = 1, key: Key) -> Matrix:
    """A random orthogonal matrix (Haar), or several side by side.

    The Q of a QR decomposition of normal numbers, its columns signed as R's diagonal
    (Mezzadri 2007). All gates are decomposed at once, which compiles once.
    """
    q, r = jnp.linalg.qr(jax.random.normal(key, (gates, size, size)))
    q = q * jnp.sign(jnp.diagonal(r, axis1=1, axis2=2))[:, None, :]
    return jnp.concatenate(q, axis=1)
