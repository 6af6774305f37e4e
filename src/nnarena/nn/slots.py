"""Slots of a memory in the order of their ages, with gaps between them in training."""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core.types import Key, Sequence
from .attention_map import AttentionMap, Axis, Maps


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


class Looks(NamedTuple):
    """How much each hop weighed the slots, and which are in use; the newest first.

    Where there is an answer after every step, all lead with one axis of these.
    """

    weights: tuple[Float[Array, "*steps slots"], ...]
    there: Bool[Array, "*steps slots"]


def hop_maps(looks: Looks, sequence: Sequence | None, places: Axis) -> Maps:
    """Returns a map of all hops of one answer, or one per hop of those at every step.

    In the order of time. Slots are the last steps up to one of a `sequence`, where
    each weight then stands at its step; else `places` of a context.
    """
    if not looks.weights:
        return {}
    if looks.there.ndim == 1:
        count = jnp.sum(looks.there)
        end = count if sequence is None else jnp.asarray(sequence.last + 1)
        rows = [_in_time(one, end, sequence) for one in looks.weights]
        return {"hops": AttentionMap(jnp.stack(rows), "hops", (places,))}
    ends = jnp.arange(len(looks.there)) + 1
    if sequence is None:
        ends = jnp.sum(looks.there, axis=1)
    in_time = jax.vmap(partial(_in_time, sequence=sequence))
    return {
        f"hop {number}": AttentionMap(in_time(one, ends), "answers", (places,))
        for number, one in enumerate(looks.weights, 1)
    }


def _in_time(
    weights: Float[Array, " slots"], end: Int[Array, ""], sequence: Sequence | None
) -> Float[Array, " places"]:
    """Returns the weights of the places before `end`, the oldest first, then zeros."""
    places = len(weights) if sequence is None else sequence.length
    ages = end - 1 - jnp.arange(places)
    known = (ages >= 0) & (ages < len(weights))
    return jnp.where(known, weights[jnp.clip(ages, 0, len(weights) - 1)], 0.0)
