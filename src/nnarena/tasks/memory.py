"""The thesis's Memory benchmark."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.scoring import accuracy
from ..core.types import Classes, Example, Signature, Tokens
from . import TASKS
from .base import AbstractTask, SyntheticSplits


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
    whether the memory can be learned, not whether it generalizes. The thesis fed each
    token as one raw number and asked with the number 0, itself a symbol; here tokens
    are embedded and questions are tokens of their own.
    """

    fillers: int = eqx.field(static=True)
    symbols: int = eqx.field(static=True)
    classes: int = eqx.field(static=True)
    held_out: SyntheticSplits

    def __init__(self, *, fillers: int = 100, symbols: int = 1, classes: int = 10):
        if min(fillers + 1, symbols, classes - 1) < 1:
            raise ValueError("memory needs fillers >= 0, symbols >= 1 and classes >= 2")
        self.fillers = fillers
        self.symbols = symbols
        self.classes = classes
        self.held_out = SyntheticSplits()

    @property
    def signature(self):
        return Signature(Tokens(self.classes + 1 + self.symbols), Classes(self.classes))

    @property
    def scoring(self):
        return accuracy(chance=1 / self.classes)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return self.held_out.draw(key=key)

    def example(self, row):
        draws = jax.random.uniform(row, (self.symbols + 1,))
        kept = jnp.floor(draws[:-1] * self.classes).astype(jnp.int32)
        place = jnp.floor(draws[-1] * self.symbols).astype(jnp.int32)
        question = self.classes + 1 + place
        filler = jnp.full((self.fillers,), self.classes)
        tokens = jnp.concatenate([kept, filler, question[None]])
        return Example(
            xs=tokens,
            dts=jnp.ones(tokens.shape[0]),
            targets=kept[place],
            mask=jnp.array(True),
        )
