"""A task whose answer at every step is the next input, and a contender for cheats.

As in a physics simulation: what looks ahead copies its answer.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from nnarena.core.scoring import mean_squared_error
from nnarena.core.types import Example, Features, Sequence, Signature, Values
from nnarena.models import MODELS, AbstractLayer
from nnarena.tasks import TASKS, AbstractTask
from nnarena.tasks.base import SyntheticSplits


class Rollout(AbstractTask):
    """Foretell the next state of a damped pendulum that is pushed at random.

        angle      0.3  0.5  0.6  ->  0.5  0.6  0.4

    A step takes 0.3; pushes have a variance of 1. Chance 1, roughly.
    """

    causal: bool = eqx.field(static=True)
    length: int = eqx.field(static=True)

    def __init__(self, *, causal: bool = True, length: int = 32):
        self.causal, self.length = causal, length

    @property
    def signature(self):
        return Signature(Features(2), Values(2), "every step", causal=self.causal)

    @property
    def scoring(self):
        return mean_squared_error(chance=1.0, solved=0.1)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return SyntheticSplits(validation=100, test=200).draw(key=key)

    def example(self, row):
        draws = jax.random.normal(row, (self.length + 2, 2))

        def step(state, push):
            angle, velocity = state
            velocity = 0.8 * velocity - 0.3 * jnp.sin(angle) + push
            angle = angle + 0.3 * velocity
            return jnp.stack([angle, velocity]), jnp.stack([angle, velocity])

        states = jax.lax.scan(step, draws[0], draws[1:, 0])[1]
        return Example(Sequence(states[:-1]), states[1:])


class Backwards(AbstractLayer):
    """Sums from the end, and has no setting to do otherwise."""

    weight: jax.Array
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, features: int, hidden: int, *, key):
        self.weight = jax.random.normal(key, (features, hidden))
        self.hidden_size, self.causal = hidden, False

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        return jnp.cumsum(xs[::-1] @ self.weight, axis=0)[::-1]


def enter_backwards(monkeypatch) -> None:
    """Registers `Backwards` as "backwards", for one test only."""
    MODELS.discover()
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))
    MODELS.register("backwards", family="test", source="a talk")(Backwards)


def enter_rollout(monkeypatch) -> None:
    """Registers `Rollout` as "rollout", for one test only."""
    TASKS.discover()
    monkeypatch.setattr(TASKS, "_entries", dict(TASKS._entries))
    TASKS.register("rollout", family="test", source="a talk")(Rollout)
