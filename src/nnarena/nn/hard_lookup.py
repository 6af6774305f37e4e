"""Hard look-ups in a memory: by scores, or by comparing sentences two by two.

newest                          oldest
  0 ─┬─ 1     the preferred of two meets
     └──┬─ 2  the next older one, and so on
        └── ...
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core.types import Scalar


TIMES = 3
"""Features of time: x is older than y, x is older than y', y is older than y'."""

Ages = Int[Array, " facts"]
"""Sentences counted back from the last, 0; -1 is none, and newer than all."""


class Looking(NamedTuple):
    """What a look-up prefers sentences by: their scores, and how it feels their ages.

    x has parts, the question and the facts found: `times` are of each the products with
    the features of time, None where times do not count, and `ages` its own.
    """

    scores: Float[Array, " slots"]
    times: Float[Array, "parts times"] | None
    ages: Int[Array, " parts"]

    def preference(self, y: Int[Array, ""], other: Int[Array, ""]) -> Scalar:
        """Returns s(x, y, y'), above 0 where y is preferred."""
        ahead = self.scores[y] - self.scores[other]
        if self.times is None:
            return ahead
        older = (self.ages > y, self.ages > other, jnp.full_like(self.ages, y) > other)
        return ahead + jnp.sum(self.times, where=jnp.stack(older, axis=1))


def preferred(looking: Looking, there: Bool[Array, " slots"]) -> Int[Array, ""]:
    """Returns the sentence of the highest score, or the one that is left of all.

    Where they are compared by their times, from the newest to the oldest, the preferred
    of two stays; of equals that is the newer.
    """
    if looking.times is None:
        return jnp.argmax(jnp.where(there, looking.scores, -jnp.inf))

    def meet(age: Int[Array, ""], best: Int[Array, ""]) -> Int[Array, ""]:
        wins = there[age] & (looking.preference(age, best) > 0.0)
        return jnp.where(wins, age, best)

    return jax.lax.fori_loop(1, len(there), meet, jnp.array(0))


def ranked(
    looking: Looking,
    right: Int[Array, ""],
    there: Bool[Array, " slots"],
    *,
    margin: float,
) -> Scalar:
    """Returns by how much all wrong sentences come nearer to the right one than may be.

    Where times count two sentences are compared both ways, which differ.
    """
    slots = jnp.arange(len(there))
    ahead = jax.vmap(lambda other: looking.preference(right, other))(slots)
    lost = jax.nn.relu(margin - ahead)
    if looking.times is not None:
        behind = jax.vmap(lambda other: looking.preference(other, right))(slots)
        lost = lost + jax.nn.relu(margin + behind)
    return jnp.sum(lost, where=there & (slots != right))
