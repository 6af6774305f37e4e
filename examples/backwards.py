"""Say a list of symbols backwards: a task whose answers are generated."""

import jax
import jax.numpy as jnp

import nnarena


SYMBOLS, LONGEST = 4, 5
START, STOP = SYMBOLS, SYMBOLS + 1


@nnarena.TASKS.register("backwards", family="algorithmic", source="this file")
class Backwards(nnarena.AbstractTask):
    """3 1 2 -> 2 1 3 stop. Chance 1/64: the best guess is some list of two symbols."""

    signature = nnarena.Signature(
        nnarena.Tokens(SYMBOLS),
        nnarena.Classes(SYMBOLS + 2),
        nnarena.Generated(longest=LONGEST + 1, start=START, stop=STOP),
    )
    scoring = nnarena.exact_match(chance=1 / 64)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return nnarena.SyntheticSplits().draw(key=key)

    def example(self, row):
        count_key, symbols_key = jax.random.split(row)
        count = jax.random.randint(count_key, (), 2, LONGEST + 1)
        symbols = jax.random.randint(symbols_key, (LONGEST,), 0, SYMBOLS)
        places = jnp.arange(LONGEST + 1)
        backwards = symbols[jnp.maximum(count - 1 - places, 0)]
        question = nnarena.Sequence(symbols, present=places[:-1] < count)
        return nnarena.Example(question, jnp.where(places < count, backwards, STOP))
