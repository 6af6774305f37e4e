"""The autoregression against the least squares of statsmodels."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from statsmodels.tsa.ar_model import AutoReg
from statsmodels.tsa.vector_ar.var_model import VAR
from tests.compiled import answer

from nnarena.core.scoring import Scoring, mean_squared_error
from nnarena.core.types import (
    Classes,
    Example,
    Features,
    Sequence,
    Signature,
    Tokens,
    Values,
    When,
)
from nnarena.models import MODELS
from nnarena.models.ar import AR
from nnarena.models.contender import Contender, count_parameters
from nnarena.tasks import AbstractTask, Splits
from nnarena.tasks.files import DataFolder
from nnarena.training.base import fit
from nnarena.training.readout import Solution, moments_of, solutions
from nnarena.training.ridge import Ridge


KEY = jax.random.key(0)
STEPS, FEATURES, ORDER = 120, 2, 3
FAINT = 1e-12
"""A strength so small that what it adds is below the digits of single precision."""


def draw_series(features: int) -> np.ndarray:
    """Returns a series around 1 whose steps depend on the two before."""
    rng = np.random.default_rng(4)
    series = np.zeros((STEPS, features))
    turn = 0.5 * np.linalg.qr(rng.standard_normal((features, features)))[0]
    for step in range(2, STEPS):
        past = series[step - 1] @ turn - 0.3 * series[step - 2]
        series[step] = past + 0.5 + rng.standard_normal(features)
    return series.astype(np.float32).astype(np.float64)


def forecast(features: int) -> Signature:
    """Returns the question of the next step, at every step."""
    return Signature(Features(features), Values(features), "every step", causal=True)


class NextStep(AbstractTask):
    """Says the next step of recorded series; asked once `ORDER` steps are known."""

    signature: Signature
    scoring: Scoring

    def __init__(self):
        self.signature = forecast(FEATURES)
        self.scoring = mean_squared_error(chance=1.0, solved=0.1)

    def splits(self, data, *, key):
        series = jnp.asarray(draw_series(FEATURES)[None], jnp.float32)
        return Splits(series, series, series)

    def example(self, row):
        known = jnp.arange(STEPS - 1) >= ORDER - 1
        return Example(Sequence(row[:-1]), row[1:], known)


def lines_of(series: np.ndarray, *, order: int = ORDER) -> np.ndarray:
    """Returns the delay lines of a series, its first rows dropped."""
    features = series.shape[1]
    signature = forecast(features)
    model = AR(signature, order, key=KEY)
    sequence = Sequence(jnp.asarray(series[:-1], jnp.float32))
    lines = model.delay_lines(sequence, jnp.arange(order - 1, sequence.length))
    return np.asarray(lines)


def regression(series: np.ndarray, *, order: int = ORDER) -> Solution:
    """Returns the readout of delay lines that says the next step."""
    lines = lines_of(series, order=order)
    moments = moments_of(lines, series[order:], np.ones(len(lines), bool))
    (found,) = solutions(moments, (FAINT,), bias=True)
    return found


def test_by_ridge_it_is_the_vector_autoregression_of_statsmodels():
    task = NextStep()
    splits = task.splits(DataFolder(), key=KEY)
    recipe = Ridge(steps=1, batch=1, checks=1, strengths=(FAINT,))
    contender = Contender("ar")

    def build(key):
        return contender.build(task.signature, ORDER, key=key)

    fitted = fit(recipe, build, task, splits, init_key=KEY, data_key=KEY)
    reference = VAR(draw_series(FEATURES)).fit(ORDER, trend="c")
    head = fitted.model.head  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_allclose(head.bias, reference.params[0], rtol=1e-4)
    np.testing.assert_allclose(
        head.weight.T, reference.params[1:], rtol=1e-4, atol=1e-5
    )


def test_of_one_feature_it_is_the_autoregression_of_statsmodels():
    series = draw_series(1)
    found = regression(series)
    reference = AutoReg(series[:, 0], ORDER, trend="c").fit()
    assert found.bias is not None
    mine = [*found.bias, *found.weight[0]]
    np.testing.assert_allclose(mine, reference.params, rtol=1e-5)


def test_residuals_have_nothing_to_do_with_what_is_known():
    series = draw_series(FEATURES)
    lines, found = lines_of(series).astype(np.float64), regression(series)
    assert found.bias is not None
    residuals = series[ORDER:] - lines @ found.weight.T - found.bias
    along = np.column_stack([np.ones(len(lines)), lines]).T @ residuals / len(lines)
    np.testing.assert_allclose(along, 0.0, atol=1e-6)


@pytest.mark.parametrize(("order", "exact"), [(1, False), (2, True), (5, True)])
def test_two_steps_are_enough_for_a_sinusoid_and_one_is_not(order, exact):
    series = np.sin(0.7 * np.arange(STEPS) + 0.3)[:, None]
    found = regression(series, order=order)
    said = lines_of(series, order=order) @ found.weight.T + found.bias
    assert (np.abs(said - series[order:]).max() < 1e-4) == exact


def signature_of(answers: When, *, tokens: bool = False) -> Signature:
    return Signature(
        Tokens(5) if tokens else Features(FEATURES),
        Classes(4) if tokens else Values(1),
        answers,
        causal=True,
    )


@pytest.mark.parametrize("tokens", [False, True])
def test_an_answer_is_a_map_of_the_last_steps_and_of_zeros_before_them(tokens):
    rng = np.random.default_rng(0)
    symbols, vectors = rng.integers(5, size=7), rng.standard_normal((7, FEATURES))
    vectors = np.eye(5)[symbols] if tokens else vectors
    model = AR(signature_of("every step", tokens=tokens), 4, key=KEY)
    given = Sequence(
        jnp.asarray(symbols, jnp.int32) if tokens else jnp.asarray(vectors, jnp.float32)
    )
    weight = np.asarray(model.head.weight).reshape(-1, 4, vectors.shape[1])
    padded = np.concatenate([np.zeros((3, vectors.shape[1])), vectors])
    for step, said in enumerate(np.asarray(answer(model, given))):
        latest_first = padded[step : step + 4][::-1]
        wanted = np.einsum("okf,kf->o", weight, latest_first) + model.head.bias
        np.testing.assert_allclose(said, wanted, atol=1e-5)
    once = AR(signature_of("once", tokens=tokens), 4, key=KEY)
    once = eqx.tree_at(lambda m: m.head, once, model.head)
    np.testing.assert_allclose(answer(once, given), answer(model, given)[-1], atol=1e-6)


def test_its_width_is_its_order_and_ridge_its_trainer():
    shapes = Contender("ar").shapes(signature_of("once"), 8)
    assert count_parameters(shapes) == 8 * FEATURES + 1
    assert MODELS["ar"].trainer == "ridge"
