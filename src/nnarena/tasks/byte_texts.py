"""Texts as sequences of bytes, as the Long Range Arena reads them."""

from collections.abc import Sequence as Several
from typing import Annotated

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, UInt8
from pydantic import Field

from ..core.types import Sequence, Tokens


BYTES = Tokens(257)
"""A byte and 1, as LRA counts them: 0 is its padding, which no text has."""

TextLength = Annotated[int, Field(ge=1, le=100_000)]
"""How many bytes of a text are read at most."""


def padded(
    texts: Several[bytes], width: int
) -> tuple[UInt8[np.ndarray, "rows width"], Int[np.ndarray, " rows"]]:
    """Returns the first bytes of texts, padded at their ends, and how many of each."""
    rows = np.zeros((len(texts), width), np.uint8)
    for row, text in zip(rows, texts, strict=True):
        cut = text[:width]
        row[: len(cut)] = np.frombuffer(cut, np.uint8)
    lengths = [min(len(text), width) for text in texts]
    return rows, np.array(lengths, np.int32)


def as_sequence(
    row: UInt8[Array | np.ndarray, " width"],
    length: Int[Array | np.ndarray | np.generic, ""],
) -> Sequence:
    """Returns a text as tokens, of which the first `length` are there."""
    tokens = jnp.asarray(row, jnp.int32) + 1
    return Sequence(tokens, present=jnp.arange(row.shape[0]) < jnp.asarray(length))
