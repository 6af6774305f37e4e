"""A task for tests of memories: say a short list of words again."""

import jax
import jax.numpy as jnp

from nnarena.core.scoring import mean_squared_error
from nnarena.core.types import Example, Features, Sequence, Signature, Values
from nnarena.models.contender import Contender
from nnarena.tasks import AbstractTask, SyntheticSplits
from nnarena.tasks.files import DataFolder
from nnarena.training.base import Fitted, fit
from nnarena.training.gradient_descent import GradientDescent


BITS = 4


class Copy(AbstractTask):
    """Words of random bits are shown, then all asked for in the order shown.

    Nothing but a flag is shown while they are asked for, so that who does not remember
    can only say 1/2: a mean squared error of 1/4.
    """

    words: int

    def __init__(self, words: int):
        self.words = words

    @property
    def signature(self):
        return Signature(Features(BITS + 1), Values(BITS), "every step", causal=False)

    @property
    def scoring(self):
        return mean_squared_error(chance=0.25, solved=0.01)

    def splits(self, data, *, key):
        del data
        return SyntheticSplits(validation=64, test=512).draw(key=key)

    def example(self, row):
        bits = jax.random.bernoulli(row, shape=(self.words, BITS)).astype(jnp.float32)
        blank = jnp.zeros_like(bits)
        asked = jnp.repeat(jnp.array([0.0, 1.0]), self.words)
        shown = jnp.concatenate([bits, blank])
        return Example(
            Sequence(jnp.concatenate([shown, asked[:, None]], axis=1)),
            jnp.concatenate([blank, bits]),
            asked > 0.0,
        )


def learn_to_copy(
    contender: Contender, width: int, *, words: int, steps: int, rate: float
) -> Fitted:
    """Returns the contender trained on the task, tested on lists it never saw."""
    task = Copy(words)
    splits = task.splits(DataFolder(), key=jax.random.key(5))
    trainer = GradientDescent(
        steps=steps, batch=32, learning_rate=rate, checks=2, weight_decay=0.0
    )
    return fit(
        trainer,
        lambda key: contender.build(task.signature, width, key=key),
        task,
        splits,
        init_key=jax.random.key(0),
        data_key=jax.random.key(1),
    )
