"""The thesis's Memory benchmark."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AtLeastOne, AtLeastTwo, NotNegativeInt, held
from ..core.scoring import accuracy
from ..core.types import Classes, Example, Features, Sequence, Signature, Tokens
from . import TASKS
from .base import AbstractTask, FiniteRows, SyntheticSplits


HELD_OUT = SyntheticSplits().test
"""Test sequences of the task: of fewer different ones training meets them all."""


@TASKS.register("memory", family="synthetic memory", source="brantner2021neural")
class Memory(AbstractTask):
    """Keep symbols over many fillers and recall the one that is asked for.

        symbols = 1:   7 . . . . . . ?0              ->  7
        symbols = 3:   4 1 7 . . . . ?1              ->  1

    Tests whether a symbol seen first is still there `fillers` steps later. Tokens are
    the `classes` symbols, one filler (`.`) and one question per place (`?0`, `?1`...).
    Score: accuracy; chance 1/classes. Solved at 0.9, the thesis's bar.

    With one symbol there are only `classes` different sequences, as in the thesis, so
    that validation and test hold the sequences of training: what is tested is
    whether the memory can be learned, not whether it generalizes. Sequences are drawn
    without end, or are a finite set of `rows` (the thesis: 40,000). With `raw`, each
    step is one number as in the thesis: the symbol, `classes` for a filler, the place
    asked for (from 0, so that a question looks like a symbol); else tokens of which
    questions are ones of their own. The answer is given once, after the last step: no
    input is later.
    """

    axis: ClassVar[str | None] = "fillers"

    fillers: int = eqx.field(static=True)
    symbols: int = eqx.field(static=True)
    classes: int = eqx.field(static=True)
    raw: bool = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(
        self,
        *,
        fillers: NotNegativeInt = 100,
        symbols: AtLeastOne = 1,
        classes: AtLeastTwo = 10,
        raw: bool = False,
        rows: FiniteRows | None = None,
    ):
        self.fillers = fillers
        self.symbols = symbols
        self.classes = classes
        self.raw = raw
        self.held_out = SyntheticSplits(rows=rows)

    @property
    def signature(self):
        tokens = Tokens(self.classes + 1 + self.symbols)
        return Signature(Features(1) if self.raw else tokens, Classes(self.classes))

    @property
    def scoring(self):
        different = self.symbols * self.classes**self.symbols
        return accuracy(chance=1 / self.classes, seen=different <= HELD_OUT)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return self.held_out.draw(key=key)

    def example(self, row):
        draws = jax.random.uniform(row, (self.symbols + 1,))
        kept = jnp.floor(draws[:-1] * self.classes).astype(jnp.int32)
        place = jnp.floor(draws[-1] * self.symbols).astype(jnp.int32)
        question = place if self.raw else self.classes + 1 + place
        filler = jnp.full((self.fillers,), self.classes)
        tokens = jnp.concatenate([kept, filler, question[None]])
        return Example(
            Sequence(tokens.astype(jnp.float32)[:, None] if self.raw else tokens),
            kept[place],
        )
