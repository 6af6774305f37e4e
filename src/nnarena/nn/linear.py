"""Affine maps of whole sequences, written the fast way."""

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..core.types import Features, Inputs, Tokens


def affine(
    linear: eqx.nn.Linear, xs: Float[Array, "rows inputs"]
) -> Float[Array, "rows outputs"]:
    """Returns x W^T + b for every row.

    The vectors stand on the left of the matrix. `jax.vmap(linear)` has them on the
    right, which leaves every product transposed: a transformer's training step took
    1.2 times as long (`benchmarks/transformer.py`).
    """
    ys = xs @ linear.weight.T
    return ys if linear.bias is None else ys + linear.bias[None]


def embedded(
    embed: eqx.nn.Linear | eqx.nn.Embedding, xs: Inputs
) -> Float[Array, "rows outputs"]:
    """Returns what an affine map makes of vectors, or a table of tokens."""
    return (
        affine(embed, xs) if isinstance(embed, eqx.nn.Linear) else jax.vmap(embed)(xs)
    )


def as_vectors(xs: Inputs, inputs: Features | Tokens) -> Float[Array, "rows features"]:
    """Returns vectors as they are, and of a token 1 in its place among zeros."""
    return jax.nn.one_hot(xs, inputs.size) if isinstance(inputs, Tokens) else xs
