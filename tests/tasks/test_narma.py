"""NARMA: its outputs against the recursion written out, its chance and its bar."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.tasks.narma import LINEAR, NARMA, VARIANCE, respond


@pytest.fixture(scope="module")
def examples() -> Any:
    rows = jax.random.split(jax.random.key(0), 1_000)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(NARMA().example))(rows))


def recursion(u: np.ndarray) -> np.ndarray:
    """Returns y_1, y_2, ... of one sequence, by the equation, in float64."""
    y = np.zeros(len(u) + 1)
    for t in range(len(u)):
        total = sum(y[t - i] for i in range(10) if t >= i)
        product = u[t - 9] * u[t] if t >= 9 else 0.0
        y[t + 1] = 0.3 * y[t] + 0.05 * y[t] * total + 1.5 * product + 0.1
    return y[1:]


def test_outputs_follow_the_equation(examples):
    for u, y in zip(examples.question.xs[:20], examples.targets[:20], strict=True):
        expected = recursion(u[:, 0].astype(float))
        assert expected.max() < 1.0  # none of these is held
        np.testing.assert_allclose(y[:, 0], expected, atol=2e-5)


def test_a_system_that_runs_away_is_held():
    """With inputs at their limit there is no fixed point to settle at."""
    y = np.asarray(respond(jnp.full(60, 0.5)))
    free = recursion(np.full(24, 0.5))
    held = int(np.argmax(free > 1.0))
    assert held > 10
    np.testing.assert_allclose(y[:held], free[:held], atol=2e-5)
    np.testing.assert_array_equal(y[held:], 1.0)


def test_chance_and_bar_are_what_is_measured(examples):
    u, y = examples.question.xs[..., 0], examples.targets[..., 0]
    assert examples.counts.sum(axis=1).tolist() == [150] * 1_000
    assert 0.0 <= u.min() < u.max() < 0.5
    judged = y[:, 50:]
    # Outputs of one sequence depend on each other: a standard error is about 2 %.
    assert judged.var() == pytest.approx(VARIANCE, rel=0.08)
    lags = [u[:, 50 - lag : 200 - lag].ravel() for lag in range(50)]
    columns = np.stack([*lags, np.ones(judged.size)], axis=-1).astype(float)
    weights = np.linalg.solve(columns.T @ columns, columns.T @ judged.ravel())
    left = np.mean(np.square(columns @ weights - judged.ravel()))
    assert left == pytest.approx(LINEAR, rel=0.08)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="a washout below its length of 20, not 20"):
        NARMA(length=20, washout=20)
