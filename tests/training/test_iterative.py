"""A trainer of one's own is its step: what the arena does around it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tests.training.test_divergence import Sides, Spoiled, splits_with_mark

import nnarena
from nnarena.core.faults import EntrantProblem
from nnarena.training.base import fit
from nnarena.training.gradient_descent import GradientDescent


KEY = jax.random.key(0)
RATE, STEPS, CHECKS, BATCH = 0.05, 10, 4, 16


class Lion(nnarena.AbstractIterativeTrainer):
    """An optimizer of optax, as `docs/trainers.md` shows it, here of any make."""

    name: str = "sgd"
    rate: float = RATE

    def optimizer(self):
        return getattr(optax, self.name)(self.rate)

    def init(self, weights):
        return self.optimizer().init(weights)

    def step(self, weights, memory, loss, *, key):
        value, gradient = jax.value_and_grad(loss)(weights)
        change, memory = self.optimizer().update(gradient, memory, weights)
        draw = jax.random.uniform(key)
        return nnarena.Step(
            optax.apply_updates(weights, change), value, memory, {"draw": draw}
        )


def build(key):
    return Spoiled(jax.random.normal(key, (1, 2)), np.nan)


def fitted(trainer, where=None):
    return fit(
        trainer,
        build,
        Sides(classes=True),
        splits_with_mark(where),
        init_key=KEY,
        data_key=KEY,
    )


def test_plain_descent_written_as_a_step_is_gradient_descent():
    """The same batches, losses, looks and choice of weights, in uneven checks."""
    own = fitted(Lion(steps=STEPS, batch=BATCH, checks=CHECKS))
    ours = fitted(
        GradientDescent(
            steps=STEPS,
            batch=BATCH,
            checks=CHECKS,
            optimizer="sgd",
            learning_rate=RATE,
            schedule="constant",
            clip=0.0,
            weight_decay=0.0,
        )
    )
    assert own.history.step.tolist() == ours.history.step.tolist() == [3, 6, 9, 10]
    for name in ("train_loss", "validation_loss", "validation_score", "best_step"):
        np.testing.assert_allclose(
            getattr(own.history, name), getattr(ours.history, name), rtol=1e-6
        )
    for mine, other in zip(*map(jax.tree.leaves, (own.model, ours.model)), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6)
    assert own.test_score == ours.test_score
    draws = own.history.figures["draw"]
    assert len(set(draws.tolist())) == CHECKS, "a key of its own for every step"
    assert own.history.chosen == {}


@pytest.mark.parametrize("where", ["train", "validation"])
def test_a_bad_answer_ends_it_as_diverged(where):
    run = fitted(Lion(steps=12, batch=BATCH, checks=2), where)
    assert bool(run.diverged)
    assert run.history.step[-1] == 6


def test_its_work_is_counted():
    trainer, task = Lion(steps=STEPS, batch=BATCH), Sides(classes=True)
    many = trainer.work(build, task, splits_with_mark(None))
    one = Lion(steps=1, batch=BATCH).work(build, task, splits_with_mark(None))
    assert many == one.times(STEPS)
    assert one.elements > 0


def step_with(found):
    class Flawed(nnarena.AbstractIterativeTrainer):
        def init(self, weights):
            return jnp.zeros(2)

        def step(self, weights, memory, loss, *, key):
            return found(weights, memory, loss)

    return Flawed(steps=2, batch=4, checks=1)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (lambda w, m, loss: (w, m), "expected is an nnarena.Step"),
        (lambda w, m, loss: nnarena.Step(w, loss(w)), "returned nothing as its memory"),
        (
            lambda w, m, loss: nnarena.Step(loss(w), loss(w), m),
            "as its weights, but expected is (1, 2) in float32",
        ),
        (
            lambda w, m, loss: nnarena.Step(w, jnp.zeros(3), m),
            "returned (3,) in float32 as its loss, but expected is () in float32",
        ),
        (lambda w, m, loss: 1 if loss(w) > 0 else 2, "without if, for or int()"),
    ],
)
def test_a_step_that_returns_something_else_is_told_with_its_line(found, sentence):
    with pytest.raises(EntrantProblem) as caught:
        fitted(step_with(found))
    assert sentence in str(caught.value)
    assert "test_iterative.py, line" in str(caught.value)


def test_a_count_that_is_none_is_refused():
    with pytest.raises(ValueError, match="batch must be a whole number of at least 1"):
        Lion(batch=0)
