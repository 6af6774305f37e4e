"""The copying memory problem."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AtLeastOne, AtLeastTwo, held
from ..core.scoring import accuracy
from ..core.types import Classes, Example, Sequence, Signature, Tokens
from . import TASKS
from .base import AbstractTask, SyntheticSplits


@TASKS.register("copy", family="synthetic memory", source="arjovsky2016unitary")
class Copy(AbstractTask):
    r"""Read symbols, wait, and say them again in their order.

        symbols = 3, delay = 4:   5 1 7 . . . > . . .   ->   _ _ _ _ _ _ _ 5 1 7

    Tests whether a whole list survives: every symbol is recalled `delay` + `symbols`
    steps after it was read. Tokens are the `classes` symbols, a blank (`.`) and the
    delimiter (`>`), which says that the answers begin at the next step; there are
    `delay` + 2 `symbols` steps. Symbols are drawn evenly and without end: of the
    $8^{10}$ lists of the default, test and training hardly share one, so that a list
    learned by heart is worth nothing. Score: accuracy over the recalled symbols; chance
    1/classes, that of any answer without memory. Solved at 0.9.

    The form of Arjovsky et al. (2016), after Hochreiter & Schmidhuber (1997), with
    $T$ = `delay`. Theirs also asks for a blank at each of the $T + 10$ steps before
    and averages the loss over all steps: without memory it is $10 \ln 8 / (T + 20)$,
    0.173 at $T = 100$. Ours asks nothing there (`_`), has no class for a blank and
    averages over the recalled symbols: without memory it is $\ln 8 = 2.08$ at any
    delay, and a loss of ours compares with theirs after a factor of $10 / (T + 20)$.

    Symbols are asked for online, as of the recurrent networks that it was made for, so
    the task is causal. What comes after an answer is blank and would tell nothing.
    """

    axis: ClassVar[str | None] = "delay"

    delay: int = eqx.field(static=True)
    symbols: int = eqx.field(static=True)
    classes: int = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(
        self,
        *,
        delay: AtLeastOne = 100,
        symbols: AtLeastOne = 10,
        classes: AtLeastTwo = 8,
    ):
        self.delay = delay
        self.symbols = symbols
        self.classes = classes
        self.held_out = SyntheticSplits()

    @property
    def signature(self):
        outputs = Classes(self.classes)
        return Signature(Tokens(self.classes + 2), outputs, "every step", causal=True)

    @property
    def scoring(self):
        return accuracy(chance=1 / self.classes)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return self.held_out.draw(key=key)

    def example(self, row):
        kept = jax.random.randint(row, (self.symbols,), 0, self.classes)
        blank, delimiter = self.classes, self.classes + 1
        waiting = jnp.full((self.delay - 1,), blank)
        answering = jnp.full((self.symbols,), blank)
        tokens = jnp.concatenate(
            [kept, waiting, jnp.array([delimiter]), answering]
        ).astype(jnp.int32)
        steps = tokens.shape[0]
        unasked = jnp.zeros(steps - self.symbols, jnp.int32)
        return Example(
            Sequence(tokens),
            jnp.concatenate([unasked, kept]),
            jnp.arange(steps) >= steps - self.symbols,
        )
