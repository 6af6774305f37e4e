"""Saying a list of symbols backwards."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AtLeastOne, AtLeastTwo, held
from ..core.scoring import exact_match
from ..core.types import Classes, Example, Generated, Sequence, Signature, Tokens
from . import TASKS
from .base import AbstractTask, SyntheticSplits
from .bits import held_out_largest, key_of, size_of


@TASKS.register("reverse", family="synthetic memory", source="grefenstette2015learning")
class Reverse(AbstractTask):
    """Read a list of symbols, and say it backwards, class by class.

        3 1 4 2   ->   2 4 1 3 stop

    Tests whether a list is kept whole, as `copy` does, by what generates its answer:
    the first symbol to say is the last that was read, and the last waits for twice as
    many steps as there are symbols. Training draws lists of 1 to `length` of `symbols`
    symbols, evenly and without end; held-out lists have `length` symbols, so that an
    evaluation at another length scores at that length alone. With `turned` of false the
    list is said as it was read: copying, where every symbol waits for as many steps as
    there are symbols. A decoder that reads the question from its end has to do the one
    where it is asked for the other.

    After the sequence reversal of Grefenstette et al. (2015), which is of 128 symbols
    and trained at 8 to 64 of them.

    Score: the share of lists that are right up to and with their stop; chance is that
    of guessing them all, symbols^-length, 1e-9 with the defaults. Solved at 0.9.
    """

    axis: ClassVar[str | None] = "length"

    length: int = eqx.field(static=True)
    symbols: int = eqx.field(static=True)
    turned: bool = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(
        self,
        *,
        length: AtLeastOne = 10,
        symbols: AtLeastTwo = 8,
        turned: bool = True,
    ):
        self.length, self.symbols, self.turned = length, symbols, turned
        self.held_out = SyntheticSplits()

    @property
    def signature(self):
        """Lists of symbols said again; two more classes start and end an answer."""
        start, stop = self.symbols, self.symbols + 1
        answers = Generated(self.length + 1, start, stop)
        return Signature(Tokens(self.symbols), Classes(self.symbols + 2), answers)

    @property
    def scoring(self):
        return exact_match(chance=self.symbols ** -float(self.length))

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return held_out_largest(self.held_out, key=key)

    def example(self, row):
        # One draw for all, since every draw has to be compiled.
        draws = jax.random.uniform(key_of(row), (1 + self.length,))
        symbols = jnp.floor(draws[1:] * self.symbols).astype(jnp.int32)
        count = size_of(row, draws[0], self.length)
        places = jnp.arange(self.length + 1, dtype=jnp.int32)
        source = count - 1 - places if self.turned else places
        found = symbols[jnp.clip(source, 0, self.length - 1)]
        said = jnp.where(places < count, found, self.symbols + 1)
        return Example(Sequence(symbols, present=places[:-1] < count), said)
