"""Random recurrent matrices of networks that are not trained."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key, Scalar


Square = Float[Array, "hidden hidden"]

SQUARINGS = 24
"""The root of a norm is within n^(1/2^24) of the radius: all digits of float32."""


def sparse(hidden: int, *, links: int, key: Key) -> Square:
    """Returns normal numbers, `links` of them in every column, and zeros elsewhere.

    Columns are what a unit hears. Each has a link at least, so that some links form a
    circle, without which every state would die out and the radius be 0.
    """
    place_key, weight_key = jax.random.split(key)
    order = jax.random.uniform(place_key, (hidden, hidden))
    heard = jnp.argsort(jnp.argsort(order, axis=0), axis=0) < links
    return jnp.where(heard, jax.random.normal(weight_key, (hidden, hidden)), 0.0)


def with_radius(matrix: Square, radius: float) -> Square:
    """Returns the matrix scaled to a spectral radius."""
    return (radius / spectral_radius(matrix)) * matrix


def spectral_radius(matrix: Square) -> Scalar:
    """Returns the largest modulus of an eigenvalue, by Gelfand's formula.

    The limit of the k-th root of the norm of the k-th power, where k doubles with every
    squaring. Products alone take it, which every device has and every axis of `vmap`;
    eigenvalues of a matrix that is not symmetric many have not.
    """

    def square(index: Array, found: tuple[Square, Scalar]) -> tuple[Square, Scalar]:
        power, log_radius = found
        size = jnp.linalg.norm(power)
        power = power / size
        share = 0.5 ** index.astype(log_radius.dtype)
        return power @ power, log_radius + share * jnp.log(size)

    start = matrix, jnp.zeros((), matrix.dtype)
    _, log_radius = jax.lax.fori_loop(0, SQUARINGS, square, start)
    return jnp.exp(log_radius)
