"""Saying what came after an item."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AtLeastOne, AtLeastTwo, held
from ..core.scoring import wrong_bits
from ..core.types import Example, Features, Labels, Sequence, Signature
from . import TASKS
from .base import AbstractTask, SyntheticSplits
from .bits import as_features, held_out_largest, key_of, size_of


@TASKS.register(
    "associative_recall", family="synthetic memory", source="graves2014neural"
)
class AssociativeRecall(AbstractTask):
    """Read a list of items, then one of them again, and say the item that followed it.

        bit 1      . 0 1 . 1 1 . 0 0 . 1 1 . . .                            0 0
        bit 2      . 1 1 . 0 1 . 1 0 . 0 1 . . .               ->           1 0
        item       1 . . 1 . . 1 . . . . . . . .
        query      . . . . . . . . . 1 . . 1 . .

    Tests whether an item is found by its content, and what stands after it by its
    place. Items are `vectors` vectors of `bits` fair bits, each behind a step with a 1
    on an input of its own. The query, any item but the last, stands between two steps
    with a 1 on another; the answer begins right after. Training draws lists of 2 to
    `items` items, evenly and without end; held-out lists have `items`, so that an
    evaluation at another number scores at that number alone.

    The form of Graves et al. (2014): items of 3 vectors of 6 bits, trained at 2 to 6 of
    them and asked at up to 20. Two items are alike once in 2^18 pairs; then the answer
    is that of the one that was drawn. Bits are asked for online, so the task is causal.

    Score: wrong bits per sequence; chance is half the bits of an item, 9 with the
    defaults. Solved below 1.
    """

    axis: ClassVar[str | None] = "items"

    items: int = eqx.field(static=True)
    vectors: int = eqx.field(static=True)
    bits: int = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(
        self, *, items: AtLeastTwo = 6, vectors: AtLeastOne = 3, bits: AtLeastOne = 6
    ):
        self.items, self.vectors, self.bits = items, vectors, bits
        self.held_out = SyntheticSplits(validation=200, test=1_000)

    @property
    def signature(self):
        inputs, outputs = Features(self.bits + 2), Labels(self.bits)
        return Signature(inputs, outputs, "every step", causal=True)

    @property
    def scoring(self):
        chance = self.bits / 2 * self.vectors
        return wrong_bits(chance=chance, solved=min(1.0, chance / 2))

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return held_out_largest(self.held_out, key=key)

    def example(self, row):
        # One draw for all, since every draw has to be compiled.
        shape = (self.items * self.vectors, self.bits)
        draws = jax.random.uniform(key_of(row), (2 + shape[0] * shape[1],))
        bits = draws[2:].reshape(shape) < 0.5
        items = size_of(row, draws[0], self.items, least=2)
        chosen = jnp.floor(draws[1] * (items - 1).astype(draws.dtype))
        first = chosen.astype(jnp.int32) * self.vectors

        size = self.vectors + 1  # of an item with what stands before it
        time = jnp.arange(self.items * size + 2 * size, dtype=jnp.int32)
        query, place = time - items * size, time % size
        listing, asking = query < 0, (query > 0) & (query < size)
        answer = query - size - 1
        saying = (answer >= 0) & (answer < self.vectors)

        at = jnp.where(asking, first + query, time // size * self.vectors + place)
        visible = (listing & (place > 0)) | asking
        shown = bits[jnp.clip(at - 1, 0, len(bits) - 1)] & visible[:, None]
        following = jnp.clip(first + self.vectors + answer, 0, len(bits) - 1)
        marks = listing & (place == 0), (query == 0) | (query == size)
        return Example(
            Sequence(as_features(shown, *marks), present=answer < self.vectors),
            bits[following] & saying[:, None],
            saying,
        )
