"""Sentences of a stream of tokens as bags of words, without a gather.

A sum over words of a sentence, each scaled by its place, is linear in the place:

    sum_j (a + b p_j) * A[x_j] = a * (bag @ A) + b * (placed @ A)

with a vector `bag` that counts the sentence's words and one, `placed`, that sums their
places p_j. So two products with the table embed all sentences, and their gradient is a
product too, where that of a look-up would scatter. `a` and `b` scale columns of the
table instead, which no batch has a part in.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core.types import Sentences


PlaceCode = Literal["released", "paper", "none"]
"""How the place of a word in its sentence scales it: as in the authors' released code,
as in their paper, or not at all."""

Places = Float[Array, " time"]


class Cut(NamedTuple):
    """Where each word of a stream stands, and how many sentences there are.

    `ages` count sentences back from the last, which is 0; `places` the words of a
    sentence from 1 on. What is not a word has the age -1 and the place 0.
    """

    words: Bool[Array, " time"]
    ages: Int[Array, " time"]
    places: Int[Array, " time"]
    total: Int[Array, ""]


def cut(
    tokens: Int[Array, " time"], present: Bool[Array, " time"], sentences: Sentences
) -> Cut:
    """Returns where words stand; two marks in a row end one sentence."""
    words = present & (tokens != sentences.end)
    begins = words & ~jnp.pad(words, (1, 0))[:-1]
    steps = jnp.arange(len(tokens))
    begun = jax.lax.cummax(jnp.where(begins, steps, 0))
    total = jnp.sum(begins, dtype=int)
    return Cut(
        words,
        ages=jnp.where(words, total - jnp.cumsum(begins), -1),
        places=jnp.where(words, steps - begun + 1, 0),
        total=total,
    )


def bags(
    tokens: Int[Array, " time"],
    where: Cut,
    *,
    size: int,
    slots: int,
    sentences: Sentences,
    code: PlaceCode,
) -> Float[Array, "slots columns"]:
    """Returns `bag` and `placed` of the last `slots` sentences, the newest first."""
    places = _places(where.places, sentences, code)
    each = jnp.stack([jnp.ones_like(places), places], axis=1)
    # No gradient goes here: counted one by one, a fifteenth of a product's time.
    slot = jnp.where(where.words, where.ages, slots)
    both = jnp.zeros((slots, size, 2)).at[slot, tokens].add(each, mode="drop")
    bag, placed = both[..., 0], both[..., 1]
    if code == "none":
        return bag
    if code == "paper":
        placed = placed / jnp.maximum(jnp.sum(bag, axis=1, keepdims=True), 1.0)
    return jnp.concatenate([bag, placed], axis=1)


def bags_so_far(
    tokens: Int[Array, " time"],
    present: Bool[Array, " time"],
    *,
    size: int,
    sentences: Sentences | None,
    code: PlaceCode,
) -> Float[Array, "time columns"]:
    """Returns the same of one text, at each step of what was read up to it.

    Without `sentences` every step is a word, and the code has to be "none".
    """
    words = present if sentences is None else present & (tokens != sentences.end)
    is_word = jnp.where(words[:, None], jax.nn.one_hot(tokens, size), 0.0)
    bag = jnp.cumsum(is_word, axis=0)
    if sentences is None or code == "none":
        return bag
    read = jnp.cumsum(words)
    places = _places(read, sentences, code)
    placed = jnp.cumsum(places[:, None] * is_word, axis=0)
    if code == "paper":
        placed = placed / jnp.maximum(read, 1).astype(jnp.float32)[:, None]
    return jnp.concatenate([bag, placed], axis=1)


def _places(
    places: Int[Array, " time"], sentences: Sentences, code: PlaceCode
) -> Places:
    at = places.astype(jnp.float32)
    if code == "paper":
        return at
    longest = sentences.longest + 1  # room for the time word behind the words
    return (at - (longest + 1) / 2) / longest


def scales(hidden: int, code: PlaceCode) -> tuple[Array, Array]:
    r"""Returns the columns $a$ and $b$ of a code, of which $k$ counts from 1.

    Paper: $(1 - k/d) - (1 - 2k/d) \, j/J$. Released:
    $1 + 4 (k - (d+1)/2) (j - (J+1)/2) / (d J)$.
    """
    k = jnp.arange(1, hidden + 1, dtype=jnp.float32)
    if code == "paper":
        return 1.0 - k / hidden, 2.0 * k / hidden - 1.0
    if code == "released":
        return jnp.ones(hidden), 4.0 * (k - (hidden + 1) / 2) / hidden
    return jnp.ones(hidden), jnp.zeros(hidden)


def with_places(
    table: Float[Array, "words hidden"], code: PlaceCode
) -> Float[Array, "columns hidden"]:
    """Returns the table that bags are multiplied with."""
    if code == "none":
        return table
    plain, placed = scales(table.shape[1], code)
    return jnp.concatenate([table * plain[None], table * placed[None]])


def time_scale(
    hidden: int, sentences: Sentences | None, code: PlaceCode
) -> Float[Array, " hidden"]:
    """Returns what scales time words: in the released code they stand last of all."""
    if sentences is None or code != "released":
        return jnp.ones(hidden)
    plain, placed = scales(hidden, code)
    longest = sentences.longest + 1
    return plain + placed * (longest - (longest + 1) / 2) / longest
