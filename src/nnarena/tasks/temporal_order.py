"""Temporal order: which symbols came, and in which order."""

from typing import Annotated, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
from pydantic import Field

from ..core.numbers import held
from ..core.scoring import accuracy
from ..core.types import Classes, Example, Sequence, Signature, Tokens
from . import TASKS
from .base import AbstractTask, SyntheticSplits


AtLeastTen = Annotated[int, Field(ge=10)]
"""Steps of which every tenth is one at least."""

Events = Annotated[int, Field(ge=2, le=3)]

TENTHS = {2: (1, 5), 3: (1, 3, 6)}
"""Where the places of the symbols begin in Pascanu's form, in tenths of the length."""

HUNDREDTHS = {2: (10, 50), 3: (10, 33, 66)}
"""Where they begin in Hochreiter & Schmidhuber's form, in hundredths."""

FILLERS, BEGINS, ENDS = 2, 6, 7
"""The first of the four fillers, and the tokens that open and close a sequence."""


@TASKS.register(
    "temporal_order", family="synthetic memory", source="pascanu2013difficulty"
)
class TemporalOrder(AbstractTask):
    """Say which symbols stood among the fillers, in their order.

        length = 20:   c d A f c e d e c f B d c c f e d f e c       ->  A B
        events = 3:    d c B f e c A f d c e c A e d f c d c e       ->  B A A

    Tests whether two or three events are told apart and kept in order, the first over
    eight to nine tenths of the sequence. Each is A or B (tokens 0 and 1); all other
    steps are one of four fillers (tokens 2 to 5), drawn evenly. The answer is given
    once, after the last step, no input is later: one of 4 classes, or of 8; an event
    adds its token times 1, 2 or 4. Score: accuracy; chance 1/4, or 1/8. Solved at 0.99:
    the paper's bar is an error below 1 %.

    `form` = "pascanu", of Pascanu et al. (2013): of L steps the events stand at random
    from L/10 to 2L/10, from 5L/10 to 6L/10 and, of three, from L/10, 3L/10 and 6L/10,
    as in their code; a range does not hold its end. The length is `length`, or drawn
    for each sequence between `shortest` and `length` (theirs: 50 to 200).

    `form` = "hochreiter", of Hochreiter & Schmidhuber (1997), experiments 6a and 6b:
    the sequence opens with a token of its own (6) and closes with another (7); it has
    `length` to 1.1 `length` steps (100 to 110), and for 100 the events stand at 10 to
    20 and 50 to 60 or, of three, at 10 to 20, 33 to 43 and 66 to 76, ends included.
    Their LSTM took 31,390 sequences for two events, 571,100 for three.

    Theirs and ours are drawn without end.
    """

    axis: ClassVar[str | None] = "length"

    length: int = eqx.field(static=True)
    events: int = eqx.field(static=True)
    form: Literal["pascanu", "hochreiter"] = eqx.field(static=True)
    shortest: int | None = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(
        self,
        *,
        length: AtLeastTen = 100,
        events: Events = 2,
        form: Literal["pascanu", "hochreiter"] = "pascanu",
        shortest: AtLeastTen | None = None,
    ):
        if shortest is not None and (form != "pascanu" or shortest > length):
            raise ValueError(
                "temporal_order needs a shortest length of at most `length`, in the "
                f"form pascanu, not {shortest} at length {length} in the form {form}"
            )
        self.length, self.events = length, events
        self.form, self.shortest = form, shortest
        self.held_out = SyntheticSplits()

    @property
    def signature(self):
        tokens = Tokens(6 if self.form == "pascanu" else 8)
        return Signature(tokens, Classes(2**self.events))

    @property
    def scoring(self):
        return accuracy(chance=1 / 2**self.events, solved=0.99)

    @property
    def lengths(self) -> tuple[int, int]:
        """The least and the greatest number of steps."""
        if self.form == "hochreiter":
            return self.length, self.length * 11 // 10
        return self.shortest or self.length, self.length

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return self.held_out.draw(key=key)

    def example(self, row):
        least, steps = self.lengths
        # One draw for all, since every draw has to be compiled.
        draws = jax.random.uniform(row, (steps + 2 * self.events + 1,))
        fillers, events, where, last = jnp.split(
            draws, [steps, steps + self.events, steps + 2 * self.events]
        )
        length = least + _below(last[0], steps + 1 - least)
        symbols = _below(events, 2)
        places = self._places(where, length)
        tokens, time = FILLERS + _below(fillers, 4), jnp.arange(steps, dtype=jnp.int32)
        if self.form == "hochreiter":
            tokens = jnp.where(time == 0, BEGINS, tokens)
            tokens = jnp.where(time == length - 1, ENDS, tokens)
        for place, symbol in zip(places, symbols, strict=True):
            tokens = jnp.where(time == place, symbol, tokens)
        present = None if least == steps else time < length
        powers = 2 ** jnp.arange(self.events, dtype=jnp.int32)
        return Example(Sequence(tokens, present=present), jnp.sum(symbols * powers))

    def _places(
        self, where: Float[Array, " events"], length: Int[Array, ""]
    ) -> Int[Array, " events"]:
        """Returns the steps of the events, at `where` of what is open to each."""
        if self.form == "pascanu":
            tenths = jnp.array(TENTHS[self.events], jnp.int32)
            return length * tenths // 10 + _below(where, length // 10)
        hundredths = jnp.array(HUNDREDTHS[self.events], jnp.int32)
        first = self.length * hundredths // 100
        return first + _below(where, self.length // 10 + 1)


def _below(draws: Float[Array, "*n"], count: int | Int[Array, ""]) -> Int[Array, "*n"]:
    """Returns whole numbers from 0, below a count, of uniform draws."""
    return jnp.floor(draws * jnp.asarray(count, draws.dtype)).astype(jnp.int32)
