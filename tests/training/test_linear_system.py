"""EM's filter, smoother and systems: by hand, statsmodels, scipy and pykalman."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy.linalg import solve_discrete_are
from scipy.stats import chi2
from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

from nnarena.models.linear_dynamical import LinearDynamical
from nnarena.training.em_program import by_length, in_units, started
from nnarena.training.linear_system import (
    NOISE,
    Start,
    System,
    filtered,
    improved,
    settled_gain,
    smoothed,
)


ORACLE = load_file(Path(__file__).parents[1] / "oracles/linear_system.safetensors")
TURN = 0.9 * np.array([[math.cos(0.5), math.sin(0.5)], [-math.sin(0.5), math.cos(0.5)]])


def system_of(a, c, q, r, mean=None, spread=None) -> System:
    """Returns a system; without a first state it starts where it settles."""
    a, c, q, r = (np.atleast_2d(np.asarray(part, float)) for part in (a, c, q, r))
    if spread is None:  # of the first state, before anything is seen
        spread = np.linalg.solve(
            np.eye(len(a) ** 2) - np.kron(a.T, a.T), q.reshape(-1)
        ).reshape(q.shape)
    mean = np.zeros(len(a)) if mean is None else mean
    return System(a, c, q, r, mean, np.atleast_2d(spread))


PAIR = system_of(
    TURN, [[1.0, 0.3, 0.5], [0.2, -1.0, 0.5]], np.diag([0.5, 0.2]), 0.4 * np.eye(3)
)


def drawn(system: System, time: int, rows: int, seed: int = 7) -> np.ndarray:
    """Returns what is seen of a system, as (time, rows, features)."""
    rng = np.random.default_rng(seed)

    def noise(spread):
        return rng.multivariate_normal(np.zeros(len(spread)), spread, rows)

    state, seen = system.mean + noise(system.spread), []
    for _ in range(time):
        seen.append(state @ system.observation + noise(system.input_noise))
        state = state @ system.transition + noise(system.state_noise)
    return np.stack(seen)


def transformed(system: System, by: np.ndarray) -> System:
    """Returns the same system with the state m T in the place of m."""
    back = np.linalg.inv(by)
    return System(
        back @ system.transition @ by,
        back @ system.observation,
        by.T @ system.state_noise @ by,
        system.input_noise,
        system.mean @ by,
        by.T @ system.spread @ by,
    )


def impulses(system: System, count: int = 6) -> np.ndarray:
    """Returns what later forecasts make of an error: K A^k C."""
    found, gain = [], settled_gain(system)
    for _ in range(count):
        found.append(gain @ system.observation)
        gain = gain @ system.transition
    return np.stack(found)


def start_of(features: int, hidden: int, seed: int = 0) -> System:
    """Returns the system that the trainer starts at."""
    cell = LinearDynamical(features, hidden, key=jax.random.key(seed))
    return started(np.asarray(cell.transition), np.asarray(cell.observation))


def em(system: System, xs: np.ndarray, iterations: int, start: Start = "free"):
    """Returns the system after iterations; the losses before each, and at the end."""
    losses = []
    for _ in range(iterations):
        system, loss = improved(system, [xs], start=start)
        losses.append(loss)
    return system, [*losses, filtered(system, xs).loss]


def test_the_local_level_settles_at_the_golden_gain():
    """P solves P^2 - P - 1 = 0, and K = P / (P + 1): by hand."""
    level = system_of(1.0, 1.0, 1.0, 1.0, spread=1.0)
    golden = (1.0 + math.sqrt(5.0)) / 2.0
    assert settled_gain(level)[0, 0] == pytest.approx(golden - 1.0, rel=1e-12)
    found = filtered(level, np.zeros((40, 1, 1)))
    assert found.foreseen_spread[-1, 0, 0] == pytest.approx(golden, rel=1e-12)


@pytest.mark.parametrize("transition", [0.5, 1.0, 1.5])
def test_without_noise_of_the_state_the_gain_is_none(transition):
    """A state that is known and that nothing moves stays known."""
    still = system_of(transition, 1.0, 0.0, 1.0, spread=1.0)
    np.testing.assert_array_equal(settled_gain(still), [[0.0]])


@pytest.mark.parametrize(("features", "hidden"), [(2, 5), (3, 3), (5, 2)])
def test_the_gain_is_that_of_scipy(features, hidden):
    system = start_of(features, hidden)
    a, c = system.transition, system.observation
    spread = solve_discrete_are(a, c, system.state_noise, system.input_noise)
    inputs_spread = c.T @ spread @ c + system.input_noise
    expected_gain = np.linalg.solve(inputs_spread, c.T @ spread @ a)
    np.testing.assert_allclose(settled_gain(system), expected_gain, atol=1e-9)


def test_filter_and_smoother_are_those_of_statsmodels():
    xs = drawn(PAIR, 30, 2)
    seen = filtered(PAIR, xs)
    means, spreads, along = smoothed(PAIR, seen)
    losses = 0.0
    for row in range(2):
        reference = KalmanSmoother(
            k_endog=3,
            k_states=2,
            design=PAIR.observation.T,
            transition=PAIR.transition.T,
            selection=np.eye(2),
            state_cov=PAIR.state_noise,
            obs_cov=PAIR.input_noise,
        )
        reference.initialize_known(PAIR.mean, PAIR.spread)
        reference.bind(np.ascontiguousarray(xs[:, row]))
        found: Any = reference.smooth()
        losses -= found.llf
        for ours, theirs in (
            (seen.foreseen[:, row], found.predicted_state.T[:-1]),
            (seen.found[:, row], found.filtered_state.T),
            (seen.foreseen_spread, found.predicted_state_cov.T[:-1]),
            (means[:, row], found.smoothed_state.T),
            (spreads, found.smoothed_state_cov.T),
            (along, found.smoothed_state_autocov.T[:-1]),
        ):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)
    assert seen.loss == pytest.approx(losses, rel=1e-10)


@pytest.mark.parametrize("case", ["short", "long"])
def test_iterations_are_those_of_pykalman(case):
    def recorded(place: str) -> System:
        names = ("transition_matrices", "observation_matrices")
        a, c = (ORACLE[f"{place}.{name}"].T for name in names)
        of = ("transition", "observation")
        q, r = (ORACLE[f"{place}.{name}_covariance"] for name in of)
        first = (ORACLE[f"{place}.initial_state_{n}"] for n in ("mean", "covariance"))
        return System(a, c, q, r, *first)

    xs = ORACLE[f"{case}.inputs"][:, None]
    means, spreads, _ = smoothed(recorded("start"), filtered(recorded("start"), xs))
    np.testing.assert_allclose(means[:, 0], ORACLE[f"{case}.means"], atol=1e-11)
    np.testing.assert_allclose(spreads, ORACLE[f"{case}.covariances"], atol=1e-11)
    system, losses = em(recorded("start"), xs, 4)
    ends = (f"{case}.start.loglikelihood", f"{case}.loglikelihood")
    assert [losses[0], losses[-1]] == pytest.approx([-ORACLE[e].item() for e in ends])
    for ours, theirs in zip(
        jax.tree.leaves(system), jax.tree.leaves(recorded(case)), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


STILL = np.concatenate(
    [np.ones((12, 9, 1)), np.zeros((12, 9, 1)), drawn(PAIR, 12, 9)], axis=-1
)


@pytest.mark.parametrize("start", ["zero", "free"])
@pytest.mark.parametrize(
    ("xs", "hidden"),
    [
        (drawn(PAIR, 40, 8), 4),
        (drawn(PAIR, 3, 6), 12),  # more units than numbers of a sequence
        (drawn(PAIR, 1, 6), 2),
        (STILL, 5),  # channels without noise
        (np.random.default_rng(3).random((20, 30, 2)), 3),
    ],
    ids=["system", "short", "one step", "still", "uniform"],
)
def test_likelihood_never_falls(xs, hidden, start):
    """Up to rounding: NOISE is the worst condition of a covariance of inputs."""
    _, losses = em(start_of(xs.shape[-1], hidden), xs, 25, start)
    rounding = np.finfo(float).eps / NOISE * abs(losses[0])
    assert all(after <= before + rounding for before, after in pairwise(losses))
    assert losses[-1] < losses[0]


def test_states_of_another_basis_are_as_good():
    xs = drawn(PAIR, 20, 10)
    by = np.random.default_rng(1).standard_normal((2, 2)) + 2.0 * np.eye(2)
    first = start_of(3, 2)
    one, losses = em(first, xs, 5)
    other, others = em(transformed(first, by), xs, 5)
    np.testing.assert_allclose(others, losses, rtol=1e-11)
    np.testing.assert_allclose(impulses(other), impulses(one), atol=1e-10)
    back = transformed(other, np.linalg.inv(by))
    np.testing.assert_allclose(back.transition, one.transition, atol=1e-10)


def test_sequences_of_unequal_lengths_count_by_their_steps():
    """As if each were alone, and whatever stands in the padding."""
    xs = np.swapaxes(drawn(PAIR, 9, 5), 0, 1)
    lengths = np.array([9, 4, 9, 1, 4])
    padded = np.where(np.arange(9)[:, None] < lengths[:, None, None], xs, np.nan)
    groups = list(by_length(padded, lengths))
    assert sorted(group.shape[:2] for group in groups) == [(1, 1), (4, 2), (9, 2)]
    alone = [xs[[i], :n].swapaxes(0, 1) for i, n in enumerate(lengths)]
    together, loss = improved(PAIR, groups, start="zero")
    apart, other = improved(PAIR, alone, start="zero")
    assert loss == pytest.approx(other)
    for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(apart), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_a_known_system_of_one_state_is_found_again():
    """Within 4 standard errors of an ARMA(1, 1), to which it amounts.

    phi = A and theta = K C - A; their errors are those of Box and Jenkins (1970).
    """
    truth = system_of(0.8, 1.0, 1.0, 1.0)
    steps, rows = 100, 50
    system, _ = em(start_of(1, 1), drawn(truth, steps, rows), 60)
    phi = 0.8
    theta = float(settled_gain(truth)[0, 0]) - phi
    shared, sum_ = 1 + phi * theta, phi + theta
    between = -(1 - phi**2) * (1 - theta**2)
    covariance = np.array(
        [
            [(1 - phi**2) * shared, between],
            [between, (1 - theta**2) * shared],
        ]
    )
    covariance *= shared / sum_**2 / (steps * rows)
    for k, (found, true) in enumerate(
        zip(impulses(system), impulses(truth), strict=True)
    ):
        # K A^k = (phi + theta) phi^k
        slope = np.array([phi**k + k * sum_ * phi ** (k - 1), phi**k])
        error = math.sqrt(slope @ covariance @ slope)
        assert abs(found - true).item() < 4.0 * error
        assert error < 0.03  # the bound says something


def test_of_a_known_system_it_comes_to_be_as_likely_as_by_chance():
    """Twice what a fit gains over the truth is chi-squared (Wilks 1938)."""
    xs = drawn(PAIR, 60, 30)
    system, losses = em(start_of(3, 2), xs, 80)
    gained = 2.0 * (filtered(PAIR, xs).loss - losses[-1])
    free = 6 + 3 + 6 + 2 + 3  # C, Q, R and the first state; A is the basis'
    assert 0.0 < gained < chi2.ppf(1 - 1e-4, free)
    gap = abs(impulses(system) - impulses(PAIR)).max()
    assert gap < 0.1 < 0.3 * abs(impulses(PAIR)).max()


def test_a_settled_filter_foresees_better_than_the_start_of_descent():
    """One step ahead, with the covariance of the errors left free."""
    xs = drawn(PAIR, 60, 30)
    cell = LinearDynamical(3, 2, key=jax.random.key(0))
    system, _ = em(start_of(3, 2), xs, 20, "zero")
    found = system.transition, system.observation, settled_gain(system)
    first = cell.transition, cell.observation, cell.gain

    def loss(a, c, k) -> float:
        state, errors = np.zeros((xs.shape[1], 2)), []
        for x in xs:
            errors.append(x - state @ c)
            state = state @ a + errors[-1] @ k
        flat = np.concatenate(errors)
        return float(0.5 * np.linalg.slogdet(flat.T @ flat / len(flat))[1])

    assert loss(*found) < loss(*(np.asarray(part, float) for part in first)) - 0.1


def test_units_are_the_root_mean_square():
    xs = [np.full((2, 3, 1), 2.0), np.full((1, 2, 1), -2.0)]
    scaled, unit = in_units(xs)
    assert unit == 2.0
    assert [float(one.flat[0]) for one in scaled] == [1.0, -1.0]
    assert in_units([np.zeros((2, 1, 1))])[1] == 1.0
