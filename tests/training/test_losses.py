"""Losses in closed form: class weights weigh the loss, and never the metric."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight
from tests.metrics.drawn import draw, judge

from nnarena.core.scoring import (
    Scoring,
    accuracy,
    auroc,
    inverse_frequencies,
    macro_f1,
    mean_absolute_error,
    mean_squared_error,
)
from nnarena.core.types import Classes, Labels, Outputs, Values
from nnarena.metrics import METRICS
from nnarena.training.losses import Loss
from nnarena.training.objective import Objective, Tally


CLASSES, LABELS, VALUES = Classes(5), Labels(3), Values(2)
WEIGHTS = (0.5, 3.0, 1.0, 0.25, 2.0)
SEEDS = (0, 2, 4, 10)


@functools.cache
def _judging(scoring: Scoring, outputs: Outputs):
    own = Objective(Loss(outputs, scoring), METRICS[scoring.metric].make(outputs))
    return jax.jit(lambda *drawn: own.tally(judge(own, *drawn)))


def tally(scoring: Scoring, outputs: Outputs, seed: int) -> Tally:
    judging = _judging(scoring, outputs)  # pyright: ignore[reportArgumentType]
    return judging(*draw(seed, outputs))


@pytest.mark.parametrize("seed", SEEDS)
def test_weighted_classes_are_scikit_learn_s_weighted_log_loss(seed):
    """Which divides by the sum of the weights, as does torch's mean."""
    scoring = accuracy(chance=0.2, class_weights=WEIGHTS)
    answers, targets, counts = draw(seed, CLASSES)
    odds = np.exp(answers[counts].astype(float))
    expected = log_loss(
        targets[counts],
        odds / odds.sum(axis=-1, keepdims=True),
        sample_weight=np.array(WEIGHTS)[targets[counts]],
        labels=range(5),
    )
    found = tally(scoring, CLASSES, seed)
    assert float(found.mean_loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_weighted_labels_cost_so_much_more_where_they_are_true(seed):
    """-(w y ln p + (1 - y) ln(1 - p)), mean over labels: torch's `pos_weight`."""
    weights = (4.0, 1.0, 0.5)
    scoring = macro_f1(chance=0.5, class_weights=weights)
    answers, targets, counts = draw(seed, LABELS)
    chances = 1 / (1 + np.exp(-answers[counts].astype(float)))
    true = targets[counts]
    costs = np.where(true, -np.log(chances) * weights, -np.log(1 - chances))
    found = tally(scoring, LABELS, seed)
    assert float(found.mean_loss) == pytest.approx(costs.mean(), rel=1e-5)


@pytest.mark.parametrize("make", [accuracy, macro_f1])
@pytest.mark.parametrize("seed", SEEDS)
def test_weights_never_touch_the_metric(make, seed):
    plain = tally(make(chance=0.2), CLASSES, seed)
    weighted = tally(make(chance=0.2, class_weights=WEIGHTS), CLASSES, seed)
    assert float(weighted.mean_score) == float(plain.mean_score)
    assert float(weighted.mean_loss) != float(plain.mean_loss)


def test_equal_weights_change_nothing():
    plain = tally(accuracy(chance=0.2), CLASSES, 1)
    weighted = tally(accuracy(chance=0.2, class_weights=(3.0,) * 5), CLASSES, 1)
    assert float(weighted.mean_loss) == pytest.approx(float(plain.mean_loss), rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_loss_and_metric_may_differ(seed):
    answers, targets, counts = draw(seed, VALUES)
    apart = (answers - targets)[counts]
    squared, absolute = np.square(apart).mean(), np.abs(apart).mean()
    scoring = mean_squared_error(chance=1.0, solved=0.1, loss="absolute error")
    found = tally(scoring, VALUES, seed)
    assert float(found.mean_loss) == pytest.approx(absolute, rel=1e-5)
    assert float(found.mean_score) == pytest.approx(squared, rel=1e-5)
    usual = tally(mean_absolute_error(chance=1.0, solved=0.1), VALUES, seed)
    assert float(usual.mean_loss) == pytest.approx(squared, rel=1e-5)
    assert float(usual.mean_score) == pytest.approx(absolute, rel=1e-5)


def test_huge_logits_of_labels_stay_finite():
    logits = jnp.array([1e4, -1e4, 1e4])
    for targets, loss in (([True, False, True], 0.0), ([False, False, True], 1e4 / 3)):
        found = Loss(LABELS).sums(logits, jnp.array(targets), jnp.array(True))
        assert float(found.value) == pytest.approx(loss)


def test_labels_may_be_numbers_or_truth_values():
    answers, targets, counts = draw(2, LABELS)
    own = Objective(Loss(LABELS), METRICS["macro F1"].make(LABELS))
    one = own.tally(judge(own, answers, targets, counts))
    other = own.tally(judge(own, answers, targets.astype(np.float32), counts))
    assert float(one.mean_loss) == float(other.mean_loss)
    assert float(one.mean_score) == float(other.mean_score)


def test_inverse_frequencies_are_scikit_learn_s_balanced_weights():
    counts = (860, 100, 40)
    drawn = np.repeat(range(3), counts)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=drawn)
    assert inverse_frequencies(counts) == pytest.approx(tuple(expected))
    with pytest.raises(ValueError, match="a class without examples has no weight"):
        inverse_frequencies((3, 0))


@pytest.mark.parametrize(
    ("outputs", "scoring", "sentence"),
    [
        (
            CLASSES,
            auroc(loss="squared error"),
            "the loss of classes is cross-entropy, not squared error",
        ),
        (
            VALUES,
            mean_squared_error(chance=1.0, solved=0.1, loss="cross-entropy"),
            "the loss of values is squared error or absolute error, not cross-entropy",
        ),
        (
            CLASSES,
            auroc(class_weights=(1.0, 2.0)),
            "5 classes need as many class weights, not 2",
        ),
        (
            VALUES,
            mean_squared_error(chance=1.0, solved=0.1, class_weights=(1.0, 2.0)),
            "values have no classes, so no class weights",
        ),
    ],
)
def test_a_loss_that_does_not_fit_is_told(outputs, scoring, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        Loss(outputs, scoring)


def test_a_weight_is_above_zero():
    with pytest.raises(ValueError, match="greater than 0"):
        accuracy(chance=0.5, class_weights=(1.0, 0.0))
