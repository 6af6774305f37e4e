"""What tasks on lists of bit vectors share: how long lists are, and saying them again.

Trained on lists of up to some length, asked at exactly that: held-out rows are
`Largest`, so that an evaluation at another length scores at that length alone.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core.types import Example, Key, Sequence
from .base import Splits, SyntheticSplits


MEAN_REPEATS, SPREAD_REPEATS = 5.5, 2.872
"""Of whole numbers from 1 to 10: in these units a step says how often to repeat."""


class Largest(eqx.Module):
    """A held-out row: the key of an example as large as the settings allow."""

    key: Array


Row = Array | Largest
"""The key of an example of any size, or of one of the largest."""


def held_out_largest(held_out: SyntheticSplits, *, key: Key) -> Splits:
    """Returns splits that train on examples of any size and ask for the largest."""
    drawn = held_out.draw(key=key)
    return Splits(drawn.train, Largest(drawn.validation), Largest(drawn.test))


def key_of(row: Row) -> Array:
    """Returns the key that an example is drawn by."""
    return row.key if isinstance(row, Largest) else row


def size_of(
    row: Row, draw: Float[Array, ""], most: int, *, least: int = 1
) -> Int[Array, ""]:
    """Returns a whole number from `least` to `most`, evenly by a uniform draw."""
    if isinstance(row, Largest):
        return jnp.full((), most, jnp.int32)
    return least + jnp.floor(draw * (most - least + 1)).astype(jnp.int32)


class Recital(NamedTuple):
    """A list that is shown, asked for, and said some times, step by step.

    `said` counts the answers: below 0 none was asked for yet. `saying` are the steps at
    which `targets` are the vectors of the list.
    """

    shown: Bool[Array, "time bits"]
    asked: Bool[Array, " time"]
    said: Int[Array, " time"]
    saying: Bool[Array, " time"]
    targets: Bool[Array, "time bits"]


def recite(
    bits: Bool[Array, "length bits"],
    vectors: Int[Array, ""],
    repeats: Int[Array, ""] | int,
    *,
    steps: int,
) -> Recital:
    """Returns how the first vectors are shown and said again; absent bits are 0."""
    time = jnp.arange(steps, dtype=jnp.int32)
    said = time - vectors - 1
    saying = (said >= 0) & (said < vectors * repeats)
    shown = bits[jnp.minimum(time, len(bits) - 1)] & (time < vectors)[:, None]
    targets = bits[said % vectors] & saying[:, None]
    return Recital(shown, time == vectors, said, saying, targets)


def as_features(
    *columns: Bool[Array, "time bits"] | Bool[Array, " time"] | Float[Array, " time"],
) -> Float[Array, "time features"]:
    """Returns columns, one or several of each, side by side as numbers."""
    return jnp.concatenate(
        [column.reshape(len(column), -1).astype(float) for column in columns], axis=1
    )


def repeated(
    bits: Bool[Array, "length bits"],
    vectors: Int[Array, ""],
    repeats: Int[Array, ""],
    *,
    most: int,
) -> Example:
    """Returns the example of a list that is asked for so often, of `most` at the most.

    Inputs are bits, a step that asks and, on it, the number; the label after those of
    the bits says that the last repeat is over.
    """
    steps = len(bits) * (most + 1) + 2
    found, last = recite(bits, vectors, repeats, steps=steps), vectors * repeats
    number = (repeats.astype(float) - MEAN_REPEATS) / SPREAD_REPEATS
    xs = as_features(found.shown, found.asked, jnp.where(found.asked, number, 0.0))
    over = (found.said == last)[:, None]
    return Example(
        Sequence(xs, present=found.said <= last),
        jnp.concatenate([found.targets, over], axis=-1),
        (found.said >= 0) & (found.said <= last),
    )
