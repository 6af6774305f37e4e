"""Additive attention: which of several annotations fits a query."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..core.types import Key
from . import initializers


Present = Bool[Array, " time"] | None


class AdditiveAttention(eqx.Module):
    r"""$u_j = v \cdot \tanh(q W + h_j U)$, and the softmax of it over all places.

    The score of Bahdanau et al. (2015), which Vinyals et al. (2015) took over twice. It
    knows no places: annotations that change theirs take their weights with them, and
    with $v = 0$ all weigh alike. $h_j U$ is the same for every query: `keys` has it.

    All weights start Glorot-uniform, $v$ as the matrix of one output that it is.
    """

    query_weight: Float[Array, "queries align"]
    key_weight: Float[Array, "encoded align"]
    energy: Float[Array, " align"]

    def __init__(self, queries: int, encoded: int, align: int, *, key: Key):
        first, second, third = jax.random.split(key, 3)
        self.query_weight = initializers.glorot(queries, align, key=first)
        self.key_weight = initializers.glorot(encoded, align, key=second)
        self.energy = initializers.glorot(align, 1, key=third)[:, 0]

    def keys(self, hs: Float[Array, "time encoded"]) -> Float[Array, "time align"]:
        """Returns the part of the scores that no query changes."""
        return hs @ self.key_weight

    def scores(
        self,
        query: Float[Array, " queries"],
        keys: Float[Array, "time align"],
        present: Present = None,
    ) -> Float[Array, " time"]:
        """Returns the score of every place, -inf of one that is not `present`."""
        asked = query @ self.query_weight
        found = jnp.tanh(asked[None] + keys) @ self.energy
        return found if present is None else jnp.where(present, found, -jnp.inf)

    def weights(
        self,
        query: Float[Array, " queries"],
        keys: Float[Array, "time align"],
        present: Present = None,
    ) -> Float[Array, " time"]:
        """Returns the weight of every place: of one that is not there exactly 0."""
        return jax.nn.softmax(self.scores(query, keys, present))
