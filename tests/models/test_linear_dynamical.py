"""The linear dynamical model against the Kalman filter of scipy and statsmodels."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.linalg import solve_discrete_are
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.statespace.kalman_filter import KalmanFilter
from tests.compiled import unroll

from nnarena.core.types import Sequence
from nnarena.models.linear_dynamical import LinearDynamical
from nnarena.nn.unroll import unroll as run


pytestmark = pytest.mark.usefixtures("double_precision")

KEY = jax.random.key(0)


class System:
    """A state of columns, x = C m + u and m' = A m + w, and its settled filter."""

    def __init__(self, a: Any, c: Any, q: Any, r: Any):
        self.a, self.c = np.atleast_2d(a), np.atleast_2d(c)
        self.q, self.r = np.atleast_2d(q), np.atleast_2d(r)
        self.spread = solve_discrete_are(self.a.T, self.c.T, self.q, self.r)
        self.innovation = self.c @ self.spread @ self.c.T + self.r
        self.gain = self.a @ self.spread @ self.c.T @ np.linalg.inv(self.innovation)

    def cell(self) -> LinearDynamical:
        """Returns the contender with the numbers of the settled filter."""
        features, hidden = self.c.shape
        return eqx.tree_at(
            lambda cell: (cell.transition, cell.observation, cell.gain),
            LinearDynamical(features, hidden, key=KEY),
            tuple(jnp.asarray(matrix.T) for matrix in (self.a, self.c, self.gain)),
        )

    def draw(self, steps: int) -> np.ndarray:
        """Returns what is observed of it."""
        rng = np.random.default_rng(7)
        features, hidden = self.c.shape
        state, seen = np.zeros(hidden), []
        for _ in range(steps):
            noise = rng.multivariate_normal(np.zeros(features), self.r)
            seen.append(self.c @ state + noise)
            push = rng.multivariate_normal(np.zeros(hidden), self.q)
            state = self.a @ state + push
        return np.array(seen)


LEVEL = System(1.0, 1.0, 1.0, 1.0)
TURN = 0.95 * np.array(
    [[math.cos(0.4), -math.sin(0.4)], [math.sin(0.4), math.cos(0.4)]]
)
PAIR = System(
    TURN, [[1.0, 0.2], [0.3, -1.0], [0.5, 0.5]], np.diag([0.5, 0.2]), np.eye(3) * 0.4
)


def test_the_gain_of_the_local_level_is_the_golden_one():
    """P solves P^2 - P - 1 = 0, and K = P / (P + 1): by hand."""
    golden = (1.0 + math.sqrt(5.0)) / 2.0
    assert float(LEVEL.spread[0, 0]) == pytest.approx(golden)
    assert float(LEVEL.gain[0, 0]) == pytest.approx(golden - 1.0) == 0.6180339887
    started = LinearDynamical(1, 1, key=KEY)
    assert float(jnp.abs(started.gain[0, 0])) == pytest.approx(golden - 1.0, abs=1e-3)


@pytest.mark.parametrize("system", [LEVEL, PAIR], ids=["level", "pair"])
def test_states_and_likelihood_are_those_of_statsmodels(system: System):
    seen = system.draw(400)
    features, hidden = system.c.shape
    reference = KalmanFilter(
        k_endog=features,
        k_states=hidden,
        design=system.c,
        transition=system.a,
        selection=np.eye(hidden),
        state_cov=system.q,
        obs_cov=system.r,
    )
    reference.initialize_known(np.zeros(hidden), system.spread)
    reference.bind(seen)
    found = reference.filter()
    cell = system.cell()
    hs = np.asarray(unroll(cell, Sequence(jnp.asarray(seen))).hs)
    np.testing.assert_allclose(hs, found.predicted_state.T[1:], atol=1e-9)

    foreseen = np.concatenate([np.zeros((1, hidden)), hs[:-1]])
    innovations = seen - foreseen @ np.asarray(cell.observation)
    weighed = np.einsum(
        "ti,ij,tj->t", innovations, np.linalg.inv(system.innovation), innovations
    )
    constant = features * math.log(2.0 * math.pi)
    constant += np.linalg.slogdet(system.innovation)[1]
    assert -0.5 * np.sum(weighed + constant) == pytest.approx(found.llf)
    lagged = innovations[1:].T @ innovations[:-1] / len(innovations)
    size = np.trace(system.innovation)
    assert np.abs(lagged).max() < 4.0 * size / math.sqrt(len(innovations))


def test_by_gradient_it_comes_to_the_likeliest_model_of_statsmodels():
    """With one state an ARMA(1, 1), whose moving average is K C - A."""
    seen = jnp.asarray(System(0.9, 1.0, 1.0, 1.0).draw(600))
    optimizer = optax.adam(0.02)

    def loss(cell: LinearDynamical) -> jax.Array:
        hs = run(cell, Sequence(seen)).hs
        return jnp.mean((seen[1:] - hs[:-1] @ cell.observation) ** 2)

    @jax.jit
    def trained(cell):
        def step(carry, _):
            cell, memory = carry
            value, gradient = jax.value_and_grad(loss)(cell)
            change, memory = optimizer.update(gradient, memory)
            return (optax.apply_updates(cell, change), memory), value

        return jax.lax.scan(step, (cell, optimizer.init(cell)), length=300)

    with jax.numpy_dtype_promotion("standard"):
        (cell, _), values = trained(LinearDynamical(1, 1, key=KEY))
    reference = ARIMA(np.asarray(seen)[:, 0], order=(1, 0, 1), trend="n").fit()
    a, kc = float(cell.transition[0, 0]), float((cell.gain @ cell.observation)[0, 0])
    phi, theta, variance = reference.params
    assert a == pytest.approx(phi, abs=0.02)
    assert kc - a == pytest.approx(theta, abs=0.02)
    assert float(values[-1]) == pytest.approx(variance, rel=0.01)


def test_what_it_starts_as_is_a_stable_filter():
    for features, hidden in ((3, 8), (8, 3), (1, 1)):
        cell = LinearDynamical(features, hidden, key=KEY)
        closed = cell.transition - cell.observation @ cell.gain
        eigenvalues = np.linalg.eigvals(np.asarray(closed))
        assert np.abs(eigenvalues).max() < 1.0 - 1e-3
        sizes = np.linalg.norm(np.asarray(cell.transition), axis=0)
        np.testing.assert_allclose(sizes, 1.0, atol=1e-6)
