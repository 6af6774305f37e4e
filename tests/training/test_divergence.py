"""One answer that is not finite, where it counts, and the run has diverged."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from nnarena.core.scoring import accuracy, mean_squared_error
from nnarena.core.types import Classes, Example, Features, Sequence, Signature, Values
from nnarena.models import AbstractModel
from nnarena.tasks import AbstractTask, Splits
from nnarena.training.base import Fitted, fit, fit_seeds
from nnarena.training.gradient_descent import GradientDescent


MARK = 99.0
"""Where this is read, the model below gives a bad answer."""

ROWS = 96
KEY = jax.random.key(0)
KEYS = jax.random.split(KEY, 2)


class Sides(AbstractTask):
    """Say whether a number is above zero, as a class or as a value."""

    classes: bool = eqx.field(static=True)

    def __init__(self, classes: bool):
        self.classes = classes

    @property
    def signature(self):
        return Signature(Features(1), Classes(2) if self.classes else Values(2))

    @property
    def scoring(self):
        if self.classes:
            return accuracy(chance=0.5)
        return mean_squared_error(chance=1.0, solved=0.1)

    def splits(self, data, *, key):
        raise NotImplementedError

    def example(self, row):
        above = row[0] > 0.0
        target = above.astype(int) if self.classes else jnp.stack([row[0], -row[0]])
        return Example(Sequence(row[None]), target)


class Spoiled(AbstractModel):
    """A linear map, but `bad` in one of its outputs where it reads the mark."""

    matrix: Float[Array, "features outputs"]
    bad: float = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, matrix: Array, bad: float):
        self.matrix, self.bad, self.causal = matrix, bad, True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        answer = xs[-1] @ self.matrix
        marked = (xs[-1, 0] == MARK) & (jnp.arange(len(answer)) == 0)
        return jnp.where(marked, self.bad, answer)


def splits_with_mark(where: str | None) -> Splits:
    """Returns three splits, with the mark in one row of one of them."""
    values = np.random.default_rng(0).standard_normal((ROWS, 1)).astype(np.float32)
    marked = values.copy()
    marked[ROWS // 2] = MARK
    parts = ("train", "validation", "test")
    return Splits(*(jnp.asarray(marked if p == where else values) for p in parts))


def fitted(
    where: str | None,
    *,
    classes: bool,
    bad: float,
    rates: float | tuple[float, ...] = 0.01,
) -> Fitted:
    recipe = GradientDescent(steps=12, batch=16, learning_rate=rates, checks=2)
    return fit(
        recipe,
        lambda key: Spoiled(jax.random.normal(key, (1, 2)), bad),
        Sides(classes),
        splits_with_mark(where),
        init_key=KEY,
        data_key=KEY,
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("where", ["train", "validation", "test"])
def test_one_bad_answer_of_a_split_is_a_divergence(where, classes, bad):
    """Minus infinity for a wrong class has a finite cross-entropy, and is right."""
    run = fitted(where, classes=classes, bad=bad)
    assert bool(run.diverged)
    steps = {"train": 6, "validation": 6, "test": 12}
    assert run.history.step[-1] == steps[where]
    assert np.isfinite(run.history.train_loss[-1]) == (where != "train")
    if where != "train":  # from there the weights are not finite either
        assert np.isnan(run.history.validation_score[-1]) == (where == "validation")
    assert np.isnan(run.test_score) == (where == "test")


@pytest.mark.parametrize("classes", [True, False])
def test_without_a_bad_answer_there_is_none(classes):
    run = fitted(None, classes=classes, bad=np.nan)
    assert not bool(run.diverged)
    assert np.isfinite([run.test_loss, run.test_score]).all()


def test_all_rates_that_meet_the_bad_answer_are_out():
    assert bool(
        fitted("validation", classes=True, bad=np.nan, rates=(0.1, 0.01)).diverged
    )


class Brittle(AbstractModel):
    """A linear map without an answer once its weight has left the start's side."""

    matrix: Float[Array, "features outputs"]
    causal: bool = eqx.field(static=True)

    def __init__(self, matrix: Array):
        self.matrix, self.causal = matrix, True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        torn = jnp.any(jnp.abs(self.matrix) > 1.0)
        return jnp.where(torn, jnp.nan, xs[-1] @ self.matrix)


@pytest.mark.parametrize("trials_at_once", [False, True])
def test_a_rate_at_which_answers_are_lost_is_out(trials_at_once):
    """The argmax of NaNs is a class, and would win against worse honest answers."""
    recipe = GradientDescent(
        steps=8, batch=16, learning_rate=(1.0, 0.01), schedule="constant", checks=4
    )
    program = recipe.compile(
        lambda key: Brittle(0.1 * jax.random.normal(key, (1, 2))),
        Sides(classes=True),
        splits_with_mark(None),
        seeds=2,
        trials_at_once=trials_at_once,
    )
    state, check = program.advance(program.start(KEYS), KEYS)
    while not bool(jnp.all(check.stopped)):
        state, check = program.advance(state, KEYS)
    np.testing.assert_allclose(check.chosen["learning_rate"], 0.01, rtol=1e-6)
    assert not np.any(check.diverged)
    assert np.all(np.asarray(program.test(state).finite))


def test_seeds_diverge_one_by_one():
    """The second seed's start is torn; the first is not harmed beside it."""

    def build(key):
        first = jnp.all(jax.random.key_data(key) == jax.random.key_data(KEYS[0]))
        return Brittle(jnp.where(first, 0.1, 2.0) * jnp.ones((1, 2)))

    recipe = GradientDescent(steps=4, batch=16, learning_rate=0.001, checks=2)
    run = fit_seeds(
        recipe,
        build,
        Sides(classes=True),
        splits_with_mark(None),
        init_keys=KEYS,
        data_keys=KEYS,
    )
    assert run.diverged.tolist() == [False, True]
    assert np.isfinite(run.test_score).tolist() == [True, False]
