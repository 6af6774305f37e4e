"""A task for tests of contexts: who is where, by the facts of a story?"""

import equinox as eqx
import jax
import jax.numpy as jnp

from nnarena.core.scoring import accuracy
from nnarena.core.types import Classes, Example, Sequence, Signature, Tokens
from nnarena.tasks import AbstractTask, SyntheticSplits


PEOPLE, PLACES, FACTS = 4, 4, 3


class Story(AbstractTask):
    """Anna garden, Ben kitchen. Anna? -> garden. Chance 1/4, that of any place.

    A story has two or three facts about different people, the question names one of
    them; both are of one vocabulary, people first.
    """

    facts: int = eqx.field(static=True)

    def __init__(self, *, facts: int = FACTS):
        self.facts = facts

    @property
    def signature(self):
        words = Tokens(PEOPLE + PLACES)
        return Signature(words, Classes(PLACES), context=words)

    @property
    def scoring(self):
        return accuracy(chance=1 / PLACES)

    def splits(self, data, *, key):
        del data
        return SyntheticSplits(validation=256, test=1_024).draw(key=key)

    def example(self, row):
        count_key, who_key, where_key, asked_key = jax.random.split(row, 4)
        count = jax.random.randint(count_key, (), 2, self.facts + 1)
        who = jax.random.permutation(who_key, PEOPLE)[: self.facts]
        where = jax.random.randint(where_key, (self.facts,), 0, PLACES)
        asked = jax.random.randint(asked_key, (), 0, count)
        facts = jnp.stack([who, PEOPLE + where], axis=1).reshape(-1)
        return Example(
            Sequence(who[asked][None]),
            where[asked],
            context=Sequence(facts, present=jnp.arange(2 * self.facts) < 2 * count),
        )
