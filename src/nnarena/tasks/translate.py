"""Translating a small language into another, whose words stand in another order."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from ..core.numbers import AtLeastOne, AtLeastTwo, held
from ..core.scoring import exact_match
from ..core.types import Classes, Example, Generated, Sequence, Signature, Tokens
from . import TASKS
from .base import AbstractTask, SyntheticSplits
from .bits import held_out_largest, key_of, size_of


PLACES = 5
"""Words of a clause at the most: two nouns, an adjective before each, and a verb."""


@TASKS.register("translate", family="language", source="lewis1968syntax")
class Translate(AbstractTask):
    """Say a sentence in another language: other words, and others' order.

        red dog sees cat ,   bird hears old man
        ->   Hund roter Katze sieht ,   Vogel Mann alter hört stop

    Tests whether words are found where they stand, and not all at once: sentences are
    translated clause by clause, but within a clause no order stays. A clause is a noun,
    a verb and a noun, each noun with an adjective before it in half of the cases. Its
    translation has adjectives behind their nouns, the verb at the end, and two forms of
    every verb, for subjects of an even and of an odd number, as if by gender: it takes
    two words that were read to say it. There are no commas; `words` of each kind are
    drawn evenly, and a word and its translation have one number within their kind. The
    first word to say is among the first that were read, as between languages that are
    alike, which is where reading the source from its end is said to help (Sutskever et
    al. 2014).

    Training draws sentences of 1 to `length` clauses, evenly and without end; held-out
    sentences have `length` clauses. A synchronous grammar after Lewis & Stearns (1968),
    in place of a corpus: no published figures belong to it.

    Score: the share of sentences that are right up to and with their stop. Chance is
    that of guessing all nouns and verbs, and which nouns have an adjective:
    (4 words^3)^-length, 1e-10 with the defaults. Solved at 0.9.
    """

    axis: ClassVar[str | None] = "length"

    length: int = eqx.field(static=True)
    words: int = eqx.field(static=True)
    held_out: SyntheticSplits

    @held
    def __init__(self, *, length: AtLeastOne = 3, words: AtLeastTwo = 8):
        self.length, self.words = length, words
        self.held_out = SyntheticSplits()

    @property
    def token_names(self):
        kinds = ("adj", "noun", "verb")
        return tuple(f"{kind} {n}" for kind in kinds for n in range(self.words))

    @property
    def class_names(self):
        words = [word.upper() for word in self.token_names]
        others, verbs = words[: 2 * self.words], words[2 * self.words :]
        forms = [f"{verb}{form}" for verb in verbs for form in "ab"]
        return (*others, *forms, "start", "stop")

    @property
    def signature(self):
        """Adjectives, nouns and verbs; then adjectives, nouns and verbs in two forms.

        Two more classes start and end an answer.
        """
        start, stop = 4 * self.words, 4 * self.words + 1
        answers = Generated(PLACES * self.length + 1, start, stop)
        return Signature(Tokens(3 * self.words), Classes(stop + 1), answers)

    @property
    def scoring(self):
        return exact_match(chance=(4.0 * self.words**3) ** -self.length)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return held_out_largest(self.held_out, key=key)

    def example(self, row):
        # One draw for all, since every draw has to be compiled.
        draws = jax.random.uniform(key_of(row), (1 + self.length * 7,))
        clauses = size_of(row, draws[0], self.length)
        n, each = self.words, draws[1:].reshape(self.length, 7)
        words = jnp.floor(each[:, :5] * n).astype(jnp.int32)
        first, subject, verb, second, thing = words.T
        spoken = jnp.arange(self.length) < clauses
        # Nouns stand behind their adjectives, which are there in half of the cases.
        with_first, with_second = (spoken & (each[:, k] < 0.5) for k in (5, 6))
        form = 2 * n + 2 * verb + subject % 2
        adjective, other = (first, with_first), (second, with_second)
        nouns = (n + subject, spoken), (n + thing, spoken)
        xs, present = together(
            *(adjective, nouns[0], (2 * n + verb, spoken), other, nouns[1])
        )
        said, says = together(nouns[0], adjective, nouns[1], other, (form, spoken))
        stop = 4 * n + 1
        targets = jnp.append(jnp.where(says, said, stop), stop)
        return Example(Sequence(xs, present=present), targets.astype(jnp.int32))


Word = tuple[Int[Array, " clauses"], Bool[Array, " clauses"]]
"""One place in every clause: the words, and whether they are there."""


def together(*places: Word) -> tuple[Int[Array, " words"], Bool[Array, " words"]]:
    """Returns the words that are there one after another, and how far they reach."""
    words, there = (
        jnp.stack(kind, axis=1).reshape(-1) for kind in zip(*places, strict=True)
    )
    order = jnp.argsort(~there, stable=True)
    return words[order], there[order]
