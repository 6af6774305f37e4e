"""What batches of rows give, read once where there is room to keep it."""

import operator
from collections.abc import Callable, Iterator

import jax
import numpy as np
from jaxtyping import PyTree

from .reading import Read


ROOM = 2**27
"""Bytes that are kept of one split or check; what is more is read at every pass."""


class Reads:
    """What each of some batches gives, by as many passes as are asked for.

    A model whose inside is not trained reads a row the same at every pass, so the first
    batches are kept, as many as `ROOM` holds.

    Args:
        read: from arrays, rows, the place of a batch and how many rows are left there
            to what the batch gives.
        arrays: those of the model.
        rows: batches of rows.
        count: how many of the rows are asked for; the last batch may be filled up.
        batch: how many a batch has.
    """

    def __init__(
        self,
        read: Callable[..., Read],
        arrays: PyTree,
        rows: PyTree,
        count: int,
        batch: int,
    ):
        self._read, self._arrays, self._rows = read, arrays, rows
        self._left = [count - begin for begin in range(0, count, batch)]
        self._kept: list[Read] = []

    def __iter__(self) -> Iterator[Read]:
        yield from self._kept
        for index in range(len(self._kept), len(self._left)):
            left = np.int32(self._left[index])
            given = self._read(self._arrays, self._rows, np.int32(index), left)
            if (index + 1) * _bytes(given) <= ROOM:
                self._kept.append(given)
            yield given

    def are_of(self, arrays: PyTree) -> bool:
        """Whether it was these very arrays that read, not others of equal numbers."""
        pair = jax.tree.leaves(self._arrays), jax.tree.leaves(arrays)
        return all(map(operator.is_, *pair))


def _bytes(given: PyTree) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(given))
