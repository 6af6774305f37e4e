"""Which rows are trained on at which step: a pure function of key and step."""

import jax
import jax.numpy as jnp
import jaxtyping
from jaxtyping import Array, Int, PyTree

from ..core.types import Key
from ..tasks.base import Rows


Draws = jaxtyping.Key[Array, " batch"]
"""A key for each example of a batch, for what a model draws in training."""

DRAWS = 0x64726177
"""Which stream of the data key is for what models draw in training."""


class Order:
    """The rows of the steps of one check, in the order of the key.

    Drawn rows: position p of the run is the row `fold_in(key, p)`. Recorded rows:
    position p is the (p mod n)-th of the permutation of epoch p // n; every epoch has
    its own permutation, so that each row is seen once in it. The few permutations
    that a check can touch are formed once, not at every step.

    What a model draws at position p has a key of its own, whoever trains beside it.
    """

    def __init__(
        self,
        rows: Rows | None,
        *,
        first: Int[Array, ""],
        span: int,
        batch: int,
        key: Key,
    ):
        self.rows, self.batch, self.key = rows, batch, key
        if rows is None:
            return
        self.size = jax.tree.leaves(rows)[0].shape[0]
        self.first_epoch = first * batch // self.size
        epochs = self.first_epoch + jnp.arange(-(-span * batch // self.size) + 1)
        self.permutations = jax.vmap(
            lambda epoch: jax.random.permutation(
                jax.random.fold_in(key, epoch), self.size
            )
        )(epochs)

    def positions(self, step: Int[Array, ""]) -> Int[Array, " batch"]:
        """Returns the places of one step's rows in the run."""
        return step * self.batch + jnp.arange(self.batch)

    def keys_at(self, step: Int[Array, ""]) -> Draws:
        """Returns the keys of one step's examples."""
        stream = jax.random.fold_in(self.key, DRAWS)
        return jax.vmap(lambda p: jax.random.fold_in(stream, p))(self.positions(step))

    def at(self, step: Int[Array, ""]) -> PyTree:
        """Returns the rows of one step, with a leading axis of `batch`."""
        positions = self.positions(step)
        if self.rows is None:
            return jax.vmap(lambda p: jax.random.fold_in(self.key, p))(positions)
        epochs = positions // self.size - self.first_epoch
        chosen = self.permutations[epochs, positions % self.size]
        return jax.tree.map(lambda column: column[chosen], self.rows)
