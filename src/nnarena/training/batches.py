"""Which rows are trained on at which step: a pure function of key and step."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

from ..core.types import Key
from ..tasks.base import Rows


class Order:
    """The rows of the steps of one check, in the order of the key.

    Drawn rows: position p of the run is the row `fold_in(key, p)`. Recorded rows:
    position p is the (p mod n)-th of the permutation of epoch p // n; every epoch has
    its own permutation, so that each row is seen once in it. The few permutations
    that a check can touch are formed once, not at every step.
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

    def at(self, step: Int[Array, ""]) -> PyTree:
        """Returns the rows of one step, with a leading axis of `batch`."""
        positions = step * self.batch + jnp.arange(self.batch)
        if self.rows is None:
            return jax.vmap(lambda p: jax.random.fold_in(self.key, p))(positions)
        epochs = positions // self.size - self.first_epoch
        chosen = self.permutations[epochs, positions % self.size]
        return jax.tree.map(lambda column: column[chosen], self.rows)
