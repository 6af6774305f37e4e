"""Every metric is scikit-learn's, over all answers that count."""

import functools
import itertools
import warnings
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn import metrics as sk
from tests.metrics.drawn import ROWS, draw, judge

from nnarena.core.types import Classes, Labels, Outputs, Values
from nnarena.metrics import METRICS, AbstractMetric
from nnarena.metrics.ranks import log_odds
from nnarena.training.losses import Loss
from nnarena.training.objective import Objective, Tally


TWO, MANY, LABELS, VALUES = Classes(2), Classes(5), Labels(3), Values(2)

SEEDS = st.integers(0, 2**32 - 1)


def objective(name: str, outputs: Outputs) -> Objective:
    return Objective(Loss(outputs), METRICS[name].make(outputs))


@functools.cache
def scorer(name: str, outputs: Outputs) -> Callable[..., Tally]:
    own = objective(name, outputs)
    return jax.jit(lambda *drawn: own.tally(judge(own, *drawn)))


odds_against_others = jax.jit(log_odds)


def ours(name: str, outputs: Outputs, seed: int) -> float:
    return float(scorer(name, outputs)(*draw(seed, outputs)).mean_score)


def counted(seed: int, outputs: Outputs) -> tuple[np.ndarray, np.ndarray]:
    answers, targets, counts = draw(seed, outputs)
    return answers[counts].astype(float), targets[counts]


def probabilities(answers: np.ndarray, outputs: Outputs) -> np.ndarray:
    if isinstance(outputs, Labels):
        return 1 / (1 + np.exp(-answers))
    odds = np.exp(answers)
    return odds / odds.sum(axis=-1, keepdims=True)


def decided(answers: np.ndarray, outputs: Outputs) -> np.ndarray:
    return answers > 0 if isinstance(outputs, Labels) else answers.argmax(axis=-1)


def accuracy(answers, targets, outputs):
    right = decided(answers, outputs).ravel()
    return sk.accuracy_score(np.ravel(targets), right)


def macro_f1(answers, targets, outputs):
    said = decided(answers, outputs)
    absent = cast(Any, np.nan)  # leaves a class out of the mean
    return sk.f1_score(targets, said, average="macro", zero_division=absent)


def nats(answers, targets, outputs):
    if isinstance(outputs, Classes):
        chances, every = probabilities(answers, outputs), np.arange(outputs.size)
        return sk.log_loss(targets, chances, labels=every)
    chances = probabilities(answers, outputs)
    both = [False, True]
    return sum(
        sk.log_loss(targets[:, at], chances[:, at], labels=both)
        for at in range(outputs.size)
    )


def ranked(score: Callable, answers, targets, outputs):
    """Returns the mean over classes or labels that scikit-learn has a score of."""
    if isinstance(outputs, Labels):
        marks, truth = answers, targets
    elif outputs.size == 2:
        marks, truth = answers[:, 1:] - answers[:, :1], targets[:, None] == 1
    else:  # as we compute it, so that what is equal here is equal there
        marks = np.asarray(odds_against_others(np.float32(answers)))
        truth = targets[:, None] == np.arange(outputs.size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [
            score(truth[:, at], marks[:, at])
            for at in range(marks.shape[1])
            if truth[:, at].any()
        ]
    return np.mean([one for one in found if np.isfinite(one)] or [np.nan])


def squared(answers, targets, outputs):
    return sk.mean_squared_error(targets, answers)


def absolute(answers, targets, outputs):
    return sk.mean_absolute_error(targets, answers)


ORACLES = {
    "accuracy": accuracy,
    "macro F1": macro_f1,
    "negative log-likelihood in nats": nats,
    "negative log-likelihood in bits": lambda *told: nats(*told) / np.log(2),
    "AUROC": functools.partial(ranked, sk.roc_auc_score),
    "average precision": functools.partial(ranked, sk.average_precision_score),
    "mean squared error": squared,
    "mean absolute error": absolute,
}

CASES = [
    (name, outputs)
    for name in ORACLES
    for outputs in (TWO, MANY, LABELS, VALUES)
    if isinstance(outputs, cast(type[AbstractMetric], METRICS[name].make).judges)
]


@pytest.mark.parametrize(("name", "outputs"), CASES, ids=str)
@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_it_is_the_score_of_scikit_learn(name, outputs, seed):
    expected = ORACLES[name](*counted(seed, outputs), outputs)
    np.testing.assert_allclose(ours(name, outputs, seed), expected, rtol=2e-5)


@pytest.mark.parametrize("name", ["AUROC", "average precision"])
def test_answers_that_are_nearly_sure_keep_their_order(name):
    """In float32 most of their probabilities are 1 and tie, in float64 none does."""
    generator = np.random.default_rng(16)
    targets = generator.integers(0, MANY.size, ROWS)
    answers = generator.normal(size=(ROWS, MANY.size)).astype(np.float32)
    answers[np.arange(ROWS), generator.integers(0, MANY.size, ROWS)] += 25.0
    everyone = np.ones(ROWS, bool)
    found = scorer(name, MANY)(answers, targets, everyone).mean_score
    marks = probabilities(answers.astype(float), MANY)
    assert len(np.unique(marks)) == marks.size
    assert len(np.unique(np.float32(marks))) < marks.size
    function = {
        "AUROC": sk.roc_auc_score,
        "average precision": sk.average_precision_score,
    }
    expected = [function[name](targets == at, marks[:, at]) for at in range(MANY.size)]
    np.testing.assert_allclose(float(found), np.mean(expected), rtol=2e-5)


@pytest.mark.parametrize(
    "logits", [[1.0, 1.0], [2.0, 2.0, -1.0], [0.0, 60.0, 1.0], [3.0, 3.0, 3.0]]
)
def testlog_odds_are_those_of_float64_and_equal_where_probabilities_are(logits):
    found = np.asarray(odds_against_others(jnp.asarray(logits)))
    exact = np.array(logits)
    others = [np.logaddexp.reduce(np.delete(exact, at)) for at in range(len(exact))]
    np.testing.assert_allclose(found, exact - others, rtol=1e-5, atol=1e-6)
    assert len(np.unique(found)) == len(np.unique(exact))


@pytest.mark.parametrize("outputs", [MANY, LABELS], ids=str)
@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_exact_match_is_the_accuracy_of_whole_examples(outputs, seed):
    answers, targets, counts = draw(seed, outputs)
    wrong = decided(answers, outputs) != targets
    if wrong.ndim == 3:
        wrong = wrong.any(axis=-1)
    judged = counts.any(axis=1)
    mistaken = (wrong & counts).any(axis=1)[judged]
    expected = sk.accuracy_score(np.zeros(judged.sum(), bool), mistaken)
    assert ours("exact match", outputs, seed) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_wrong_bits_are_the_hamming_loss_times_the_bits_of_an_example(seed):
    answers, targets, counts = draw(seed, LABELS)
    said, true = decided(answers, LABELS)[counts], targets[counts]
    bits = said.size / counts.any(axis=1).sum()
    expected = sk.hamming_loss(true, said) * bits
    assert ours("wrong bits per sequence", LABELS, seed) == pytest.approx(expected)


def test_no_metric_is_left_out():
    judged = {name for name, _ in CASES} | {"exact match", "wrong bits per sequence"}
    assert {entry.name for entry in METRICS} == judged


@pytest.mark.parametrize(
    ("name", "outputs"),
    [*CASES, ("exact match", LABELS), ("wrong bits per sequence", LABELS)],
    ids=str,
)
def test_parts_of_a_split_merge_to_the_whole(name, outputs):
    """Statistics add up, or stand one after another, in whatever parts they come."""
    own = objective(name, outputs)

    @jax.jit
    def in_parts(*drawn: jax.Array) -> Tally:
        parts = [
            judge(own, *(array[start:stop] for array in drawn))
            for start, stop in itertools.pairwise((0, 1, 5, ROWS))
        ]
        if not own.metric.collects:
            parts = [jax.tree.map(lambda x: x.sum(0, keepdims=True), p) for p in parts]
        return own.tally(jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts))

    drawn = draw(11, outputs)
    whole, merged = scorer(name, outputs)(*drawn), in_parts(*drawn)
    np.testing.assert_allclose(merged.mean_score, whole.mean_score, rtol=1e-6)
    np.testing.assert_allclose(merged.mean_loss, whole.mean_loss, rtol=1e-6)
    assert np.isfinite(float(whole.mean_score))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("name", "outputs"), CASES, ids=str)
def test_an_answer_that_is_not_finite_leaves_no_score_if_it_counts(name, outputs, bad):
    answers, targets, counts = draw(11, outputs)
    (row, step), (other, later) = np.argwhere(counts)[0], np.argwhere(~counts)[0]
    spoiled = answers.copy()
    spoiled[other, later, 0] = bad
    harmless = scorer(name, outputs)(spoiled, targets, counts)
    untouched = scorer(name, outputs)(answers, targets, counts)
    assert float(harmless.mean_score) == float(untouched.mean_score)
    spoiled[row, step, 0] = bad
    found = scorer(name, outputs)(spoiled, targets, counts)
    assert np.isnan(found.mean_score)
    assert np.isnan(found.mean_loss)
    assert not bool(found.finite)


@pytest.mark.parametrize("name", ["AUROC", "average precision", "macro F1"])
def test_a_score_that_does_not_exist_is_no_number(name):
    """No positive at all: nothing to rank. Macro F1 of answers that are none."""
    answers, targets, counts = draw(3, LABELS)
    nothing = np.zeros_like(targets)
    found = scorer(name, LABELS)(-1 - np.abs(answers), nothing, counts)
    assert np.isnan(found.mean_score)
