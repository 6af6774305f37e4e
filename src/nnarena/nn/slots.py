"""Slots of a memory in the order of their ages, with gaps between them in training."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core.types import Key


class Slots(NamedTuple):
    """What is looked up, the newest first.

    `contents` are what tables make vectors of, `there` says which slots are in use, and
    `ages` which time word each has.
    """

    contents: Float[Array, "slots columns"]
    there: Bool[Array, " slots"]
    ages: Int[Array, " slots"]


def last_steps(
    vectors: Float[Array, "time columns"], step: Int[Array, ""], slots: int
) -> tuple[Float[Array, "slots columns"], Int[Array, ""]]:
    """Returns the steps up to one, the newest first, and how many there are.

    At most so many slots, and no more than there are steps.
    """
    slots = min(slots, len(vectors))
    blank = jnp.zeros((slots - 1, vectors.shape[1]))
    padded = jnp.concatenate([blank, vectors])
    window = jax.lax.dynamic_slice_in_dim(padded, step, slots)
    return window[::-1], jnp.minimum(step + 1, slots)


def dated(
    contents: Float[Array, "slots columns"],
    count: Int[Array, ""],
    *,
    most: int,
    share: float,
    key: Key | None,
) -> Slots:
    """Returns slots with their ages, below `most`.

    With a key, and a `share` that is not 0, there are gaps between them.
    """
    ages = jnp.arange(len(contents))
    there = ages < count
    if key is not None and share:
        ages = gapped_ages(count, slots=len(contents), share=share, key=key)
    return Slots(contents, there, jnp.minimum(ages, most - 1))


def gapped_ages(
    count: Int[Array, ""], *, slots: int, share: float, key: Key
) -> Int[Array, " slots"]:
    """Returns the ages of slots with random gaps in between, the newest first.

    Up to the whole part above `share` of the `count` sentences there are, as many as a
    uniform draw says, places uniform: what a time word meant is then not exact, which
    keeps it from being learned by heart. Counts pairs instead of sorting.
    """
    number_key, place_key = jax.random.split(key)
    most = jnp.ceil(share * count.astype(jnp.float32)).astype(int)
    gaps = jax.random.randint(number_key, (), 0, most + 1)
    steps = jnp.arange(slots + math.ceil(share * slots))
    lots = jax.random.uniform(place_key, steps.shape)
    drawn = jnp.where(steps < count + gaps, lots, 2.0)
    ranks = jnp.sum(drawn[None] < drawn[:, None], axis=1)
    kept = jnp.cumsum(ranks >= gaps)  # of the places up to each, those with a sentence
    return jnp.sum(kept[None] <= jnp.arange(slots)[:, None], axis=1)
