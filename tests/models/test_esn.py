"""The echo state network: reservoirpy's states, its radius, what it remembers."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import unroll
from tests.models.test_oracles import Oracle

from nnarena.core.frozen import Frozen
from nnarena.core.types import Features, Sequence, Signature, Values
from nnarena.models import MODELS
from nnarena.models.contender import Contender, count_parameters
from nnarena.models.esn import ESN
from nnarena.nn.parametrization import resolve
from nnarena.nn.reservoir import sparse, spectral_radius, with_radius


KEY = jax.random.key(0)


def states(cell: ESN, xs: Any) -> np.ndarray:
    """Returns the states of a cell over inputs."""
    return np.asarray(unroll(cell, Sequence(jnp.asarray(xs))).hs)


def with_matrices(cell: ESN, **matrices: Any) -> ESN:
    """Returns the cell with other frozen arrays."""
    for name, array in matrices.items():
        frozen = Frozen(jnp.asarray(array))
        cell = eqx.tree_at(lambda c, name=name: getattr(c, name), cell, frozen)
    return cell


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("case", ["short", "long"])
@pytest.mark.parametrize(("leak", "rate"), [("all", 1.0), ("some", 0.3)])
def test_states_are_those_of_reservoirpy(case: str, leak: str, rate: float):
    oracle = Oracle("esn")
    cell = with_matrices(
        ESN(3, 7, leak=rate, key=KEY),
        input_weight=oracle["Win"].T,
        recurrent_weight=oracle["W"].T,
        bias=oracle["bias"],
    )
    found = states(cell, oracle[f"{case}.inputs"])
    np.testing.assert_allclose(found, oracle[f"{case}.{leak}"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("hidden", [1, 2, 9, 60])
@pytest.mark.parametrize("links", [1, 10])
def test_the_radius_is_the_largest_eigenvalue(hidden: int, links: int):
    matrix = sparse(hidden, links=links, key=jax.random.key(hidden))
    assert set(np.count_nonzero(matrix, axis=0)) == {min(links, hidden)}
    scaled = np.asarray(with_radius(matrix, 0.8), np.float64)
    assert np.abs(np.linalg.eigvals(scaled)).max() == pytest.approx(0.8, rel=1e-4)


def test_the_radius_of_a_map_that_first_grows():
    """Its powers grow a hundredfold before they fade."""
    matrix = jnp.array([[0.9, 100.0], [0.0, 0.5]])
    assert float(spectral_radius(matrix)) == pytest.approx(0.9, rel=1e-5)


def test_a_leak_is_of_the_state_and_the_radius_is_that_of_the_matrix():
    cell = ESN(1, 30, radius=0.5, leak=0.2, bias=0.0, key=KEY)
    at_rest = jax.jacobian(
        lambda state: resolve(cell)(state, jnp.zeros(1), jnp.ones(()))[0]
    )
    slopes = np.asarray(at_rest(jnp.zeros(30)), np.float64)
    own = (slopes - 0.8 * np.eye(30)) / 0.2
    assert np.abs(np.linalg.eigvals(own)).max() == pytest.approx(0.5, rel=1e-3)
    assert np.abs(np.linalg.eigvals(slopes)).max() > 0.8


@pytest.mark.usefixtures("double_precision")
def test_a_linear_network_remembers_as_many_inputs_as_it_has_units():
    """Inputs so small that tanh is straight: Jaeger's memory capacity is n."""
    units, steps, lags = 8, 6_000, 150
    cell = ESN(1, units, radius=0.9, input_scale=1e-4, bias=0.0, key=KEY)
    inputs = np.random.default_rng(1).standard_normal((steps, 1))
    hs = states(cell, inputs)[lags:] * 1e4
    basis, _ = np.linalg.qr(hs - hs.mean(axis=0))
    capacity = 0.0
    for lag in range(lags):
        past = inputs[lags - lag : steps - lag, 0]
        past = past - past.mean()
        capacity += np.sum((basis.T @ past) ** 2) / np.sum(past**2)
    by_chance = units * lags / (steps - lags)  # of what is there to be found at most
    assert units - 0.05 < capacity < units + by_chance
    curved = ESN(1, units, radius=0.9, input_scale=1.0, bias=0.0, key=KEY)
    basis, _ = np.linalg.qr(states(curved, inputs)[lags:])
    kept = [
        np.sum((basis.T @ inputs[lags - lag : steps - lag, 0]) ** 2)
        / np.sum(inputs[lags - lag : steps - lag, 0] ** 2)
        for lag in range(lags)
    ]
    assert sum(kept) < units - 0.5


def test_without_a_radius_or_a_leak_there_is_no_memory():
    cell = ESN(2, 6, radius=0.0, key=KEY)
    xs = np.random.default_rng(2).standard_normal((5, 2)).astype(np.float32)
    turned = xs[::-1].copy()
    np.testing.assert_allclose(states(cell, turned), states(cell, xs)[::-1], atol=1e-6)


@pytest.mark.usefixtures("double_precision")
def test_two_starts_near_rest_draw_near_as_the_powers_of_the_radius():
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((6, 6)))[0]
    cell = ESN(1, 6, bias=0.0, key=KEY)
    cell = resolve(with_matrices(cell, recurrent_weight=0.7 * turn))
    here, there = 1e-4 * jnp.ones(6), jnp.zeros(6)
    gap = float(jnp.linalg.norm(here))
    for step in range(1, 20):
        here, there = (
            cell(state, jnp.zeros(1), jnp.ones(()))[0] for state in (here, there)
        )
        assert float(jnp.linalg.norm(here - there)) == pytest.approx(
            gap * 0.7**step, rel=1e-5
        )


def test_without_a_bias_the_answers_to_opposite_inputs_are_opposite():
    xs = np.random.default_rng(5).standard_normal((5, 2)).astype(np.float32)
    odd = ESN(2, 6, bias=0.0, key=KEY)
    np.testing.assert_allclose(states(odd, -xs), -states(odd, xs), atol=1e-6)
    biased = ESN(2, 6, key=KEY)
    assert np.abs(states(biased, -xs) + states(biased, xs)).max() > 0.05


@pytest.mark.parametrize("name", ["esn", "lsm"])
def test_nothing_but_the_readout_of_a_reservoir_is_trained(name: str):
    shapes = Contender(name).shapes(Signature(Features(3), Values(2)), 12)
    assert count_parameters(shapes) == 2 * (12 + 1)
    assert MODELS[name].trainer == "ridge"
