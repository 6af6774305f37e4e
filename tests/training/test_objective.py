"""Losses and scores in closed form; what is masked counts nothing."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from nnarena.core.scoring import accuracy, mean_squared_error
from nnarena.core.types import Classes, Example, Features, Sequence, Signature, Values
from nnarena.metrics import METRICS
from nnarena.models import AbstractModel
from nnarena.tasks import AbstractTask, Splits
from nnarena.tasks.files import DataFolder
from nnarena.training.losses import Loss
from nnarena.training.objective import Objective, Tally, batch_loss, evaluate


CLASSES, TIME = 5, 4
ONCE = Signature(Features(2), Classes(CLASSES))
ALWAYS = Signature(Features(2), Classes(CLASSES), "every step", causal=False)
VALUES = Signature(Features(2), Values(2))
VALUES_ALWAYS = Signature(Features(2), Values(2), "every step", causal=False)


def example(targets, mask: Any = True) -> Example:
    """Returns an example of which only the answers matter."""
    return Example(
        Sequence(jnp.zeros((TIME, 2))), jnp.asarray(targets), jnp.asarray(mask)
    )


def objective(signature: Signature) -> Objective:
    """Returns the loss and the metric that these answers have by default."""
    outputs = signature.outputs
    name = "accuracy" if isinstance(outputs, Classes) else "mean squared error"
    return Objective(Loss(outputs), METRICS[name].make(outputs))


def tally(answers, example: Example, signature: Signature) -> Tally:
    """Returns the loss and the score of a single example."""
    own = objective(signature)
    return own.tally(jax.tree.map(lambda leaf: leaf[None], own.judge(answers, example)))


def numbers(found: Tally) -> tuple[float, float, float]:
    assert found.loss.weight == found.score.weight
    return float(found.loss.total), float(found.score.total), float(found.loss.weight)


def test_uniform_logits_cost_the_logarithm_of_the_classes():
    found = tally(jnp.full(CLASSES, 3.0), example(2), ONCE)
    assert numbers(found) == pytest.approx((np.log(CLASSES), 0.0, 1.0))


@pytest.mark.parametrize(("target", "score"), [(3, 1.0), (1, 0.0)])
def test_the_cross_entropy_of_one_raised_logit(target, score):
    logits = jnp.zeros(CLASSES).at[3].set(2.0)
    found = tally(logits, example(target), ONCE)
    loss = np.log(np.exp(2.0) + CLASSES - 1) - 2.0 * score
    assert numbers(found) == pytest.approx((loss, score, 1.0))


def test_huge_logits_stay_finite():
    logits = jnp.zeros(CLASSES).at[3].set(1e4)
    assert numbers(tally(logits, example(1), ONCE)) == pytest.approx((1e4, 0.0, 1.0))


def test_the_squared_error_is_a_mean_over_outputs():
    found = tally(jnp.array([1.0, 2.0]), example([4.0, 0.0]), VALUES)
    assert numbers(found) == pytest.approx(((9 + 4) / 2, (9 + 4) / 2, 1.0))


def test_masked_steps_count_nothing():
    logits = jnp.zeros((TIME, CLASSES)).at[jnp.arange(TIME), 1].set(2.0)
    targets, mask = jnp.array([1, 1, 0, 0]), jnp.array([True, False, True, False])
    right = np.log(np.exp(2.0) + CLASSES - 1) - 2.0
    found = tally(logits, example(targets, mask), ALWAYS)
    assert numbers(found) == pytest.approx((2 * right + 2.0, 1.0, 2.0))
    assert float(found.mean_score) == 0.5


def test_what_stands_behind_a_mask_does_not_matter_even_if_it_is_not_finite():
    mask = jnp.array([True, True, False, False])
    answers = jnp.ones((TIME, 2)).at[2:].set(jnp.nan)
    found = tally(answers, example(jnp.zeros((TIME, 2)), mask), VALUES_ALWAYS)
    assert numbers(found) == (2.0, 2.0, 2.0)

    def loss(answers):
        asked = example(jnp.zeros((TIME, 2)), mask)
        return tally(answers, asked, VALUES_ALWAYS).loss.total

    padded = jax.grad(loss)(jnp.ones((TIME, 2)))
    np.testing.assert_array_equal(padded[2:], 0.0)
    assert np.all(np.asarray(padded[:2]) != 0.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "signature", [ALWAYS, VALUES_ALWAYS], ids=["classes", "values"]
)
def test_an_answer_that_is_not_finite_leaves_no_sum_if_it_counts(signature, bad):
    """The largest of NaNs is class 0, and minus infinity for a wrong class is free."""
    size = signature.outputs.size
    classes = isinstance(signature.outputs, Classes)
    targets = jnp.zeros(TIME, int) if classes else jnp.zeros((TIME, size))
    for spoiled in (
        jnp.full((TIME, size), bad),
        jnp.zeros((TIME, size)).at[1, 1].set(bad),
    ):
        for at, whole in ((1, False), (2, True)):
            mask = jnp.arange(TIME) == at
            answers = spoiled if not whole else spoiled.at[2].set(0.0)
            found = tally(answers, example(targets, mask), signature)
            assert bool(found.finite) == whole
            assert np.isfinite(numbers(found)[:2]).all() == whole
            assert float(found.loss.weight) == 1.0


def test_no_answer_at_all_is_no_score():
    """Issue: four times NaN scored 0.5, as often as the target was class 0."""
    found = jax.vmap(
        lambda answer, target: objective(ONCE).judge(answer, example(target))
    )(jnp.full((4, CLASSES), jnp.nan), jnp.array([0, 0, 1, 2]))
    together = objective(ONCE).tally(found)
    assert np.isnan(together.mean_score)
    assert np.isnan(together.mean_loss)
    assert not bool(together.finite)


def test_one_answer_in_ten_thousand_is_enough():
    answers = jnp.zeros((10_000, CLASSES)).at[77, 2].set(jnp.nan)
    own = objective(ONCE)
    found = jax.vmap(lambda answer: own.judge(answer, example(0)))(answers)
    assert not bool(own.tally(found).finite)
    rest = own.tally(jax.tree.map(lambda sums: jnp.delete(sums, 77), found))
    assert numbers(rest) == pytest.approx((9_999 * np.log(CLASSES), 9_999, 9_999))


class Ragged(AbstractTask):
    """Name the greater feature at every step; sequences have 1 to 4 steps."""

    classes: bool = eqx.field(static=True)

    def __init__(self, classes: bool):
        self.classes = classes

    @property
    def signature(self):
        outputs = Classes(CLASSES) if self.classes else Values(2)
        return Signature(Features(2), outputs, "every step", causal=False)

    @property
    def scoring(self):
        if self.classes:
            return accuracy(chance=0.5)
        return mean_squared_error(chance=1.0, solved=0.1)

    def splits(self, data, *, key):
        del data, key
        xs = np.random.default_rng(2).standard_normal((10, TIME, 2))
        rows = (jnp.asarray(xs, jnp.float32), jnp.arange(10) % TIME + 1)
        return Splits(train=rows, validation=rows, test=rows)

    def example(self, row):
        xs, length = row
        return Example(
            Sequence(xs),
            jnp.argmax(xs, axis=-1) if self.classes else 2 * xs,
            jnp.arange(TIME) < length,
        )


class Dense(AbstractModel):
    """A linear map of every step."""

    matrix: Float[Array, "features outputs"]
    causal: bool = eqx.field(static=True)

    def __init__(self, matrix: Array):
        self.matrix, self.causal = matrix, True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        return xs @ self.matrix


@pytest.mark.parametrize("classes", [True, False])
def test_a_split_is_the_plain_mean_over_answers_whatever_the_batch(classes):
    task = Ragged(classes)
    rows = task.splits(DataFolder(), key=jax.random.key(5)).validation
    rng = np.random.default_rng(3)
    size = task.signature.outputs.size
    model = Dense(jnp.asarray(rng.standard_normal((2, size)), jnp.float32))
    examples = jax.jit(jax.vmap(task.example))(rows)
    answers = np.asarray(examples.question.xs, np.float64) @ np.asarray(model.matrix)
    targets, mask = np.asarray(examples.targets), np.asarray(examples.counts)
    if classes:
        chosen = np.take_along_axis(answers, targets[..., None], axis=-1)[..., 0]
        losses = np.log(np.exp(answers).sum(-1)) - chosen
        scores = (answers.argmax(-1) == targets).astype(float)
    else:
        losses = scores = ((answers - targets) ** 2).mean(-1)
    assert len(set(mask.sum(axis=1).tolist())) > 1, "all sequences are equally long"
    expected = (losses[mask].sum(), scores[mask].sum(), mask.sum())
    found = eqx.filter_jit(batch_loss)(model, task, rows)
    assert float(found) == pytest.approx(losses[mask].mean(), rel=1e-5)
    for batch in (3, 64):
        found = eqx.filter_jit(evaluate)(model, task, rows, batch=batch)
        assert numbers(found) == pytest.approx(expected, rel=1e-5)
        assert float(found.mean_loss) == pytest.approx(losses[mask].mean(), rel=1e-5)
        assert float(found.mean_score) == pytest.approx(scores[mask].mean(), rel=1e-5)
