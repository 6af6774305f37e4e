"""Nested lists of operators and digits: the ListOps of the Long Range Arena."""

from typing import Annotated, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from ..core.numbers import AtLeastOne, held
from ..core.scoring import accuracy
from ..core.types import Classes, Example, Sequence, Signature, Tokens
from . import TASKS
from .base import AbstractTask, Splits
from .listops_chance import length_chances, value_shares
from .listops_rows import DIGITS, WORDS, Limits, draw_expressions


RAREST = 0.01
"""The least share of expressions that may have a right length, to find enough."""

Depth = Annotated[int, Field(ge=2, le=50)]

Arguments = Annotated[int, Field(ge=2, le=20)]

Length = Annotated[int, Field(ge=5, le=10_000)]


@TASKS.register("listops", family="language", source="nangia2018listops")
class ListOps(AbstractTask):
    """Work out nested operations on lists of digits.

        [MAX 2 9 [MIN 4 7 ] 0 ]                  ->  9
        [SM 8 5 [MED 1 5 8 [MIN 9 2 ] ] 6 ]      ->  2

    Tests whether a nested structure is found in a sequence, and what is open is kept
    until it closes. Operators are the least, the greatest and the median of their
    arguments (the mean of two in the middle, truncated) and the last digit of their
    sum. The distribution is that of LRA (Tay et al. 2021): an argument is an operator
    in one case of four, else a digit; operators have 2 to `arguments` arguments; the
    tree has up to `depth` nodes from the root to a digit; only expressions of more than
    `shortest` and fewer than `length` tokens are kept, each of them once, `train` to
    train on. LRA's length is 2,000, above 500: `listops(length=2000)`. By default
    expressions are as short as a CPU bears, and the shortest have a quarter of the
    longest. They are drawn anew by every run, 100,000 of them in seconds.

    LRA counts as here, but its first release dropped the brackets, without which
    nothing can be worked out, and Nangia & Bowman (2018) have parentheses around every
    argument too.

    Score: accuracy. Chance is the share of the most frequent value among the
    expressions that are kept, computed exactly: 0.155 by default and 0.170 at length
    2,000, of the value 0; that of 9 is nearly as large. Solved at 0.9. LRA gives its
    Transformer 0.364.
    """

    axis: ClassVar[str | None] = "length"

    limits: Limits = eqx.field(static=True)
    rows: tuple[int, int, int] = eqx.field(static=True)

    @held
    def __init__(
        self,
        *,
        length: Length = 200,
        shortest: AtLeastOne | None = None,
        depth: Depth = 10,
        arguments: Arguments = 10,
        train: AtLeastOne = 96_000,
        validation: AtLeastOne = 2_000,
        test: AtLeastOne = 2_000,
    ):
        least = length // 4 if shortest is None else shortest
        self.limits = Limits(depth, arguments, least, length)
        self.rows = train, validation, test
        share = length_chances(self.limits).sum()
        if share < RAREST:
            raise ValueError(
                f"listops finds too few expressions of more than {least} and fewer "
                f"than {length} tokens, {share:.2g} of those of depth {depth} with up "
                f"to {arguments} arguments: at least {RAREST} has to be; take other "
                "lengths, a larger depth or more arguments"
            )

    @property
    def signature(self):
        return Signature(Tokens(len(WORDS)), Classes(DIGITS))

    @property
    def scoring(self):
        return accuracy(chance=float(value_shares(self.limits).max()))

    def splits(self, data, *, key):
        del data  # nothing is read from files
        # The stream of this generator is the same in every version of numpy (NEP 19).
        random = np.random.RandomState(np.asarray(jax.random.key_data(key)))
        drawn = draw_expressions(self.limits, sum(self.rows), random)
        ends = np.cumsum(self.rows)[:-1]
        columns = (np.split(column, ends) for column in drawn)
        return Splits(*(type(drawn)(*part) for part in zip(*columns, strict=True)))

    def example(self, row):
        present = jnp.arange(row.tokens.shape[0]) < row.lengths
        question = Sequence(jnp.asarray(row.tokens, jnp.int32), present=present)
        return Example(question, jnp.asarray(row.values, jnp.int32))
