"""The reciprocal gated cell: its equations in numpy, and its closed forms."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import unroll

from nnarena.core.types import Sequence
from nnarena.models.reciprocal_gated import ReciprocalGated


FEATURES, HIDDEN, LENGTH = 3, 5, 8
KEY = jax.random.key(0)
WEIGHTS = ("input_weight", "cell_weight", "output_weight", "cell_bias", "output_bias")

pytestmark = pytest.mark.usefixtures("double_precision")


def drawn(*shape: int, seed: int = 1) -> np.ndarray:
    return 0.6 * np.random.default_rng(seed).standard_normal(shape)


def cell_of(gate: Any, **fields: np.ndarray) -> Any:
    """Returns a cell with all numbers drawn, but for those that are given."""
    cell: Any = ReciprocalGated(FEATURES, HIDDEN, gate=gate, key=KEY)
    for index, name in enumerate(WEIGHTS):
        value = fields.get(name, drawn(*getattr(cell, name).shape, seed=index))
        value = jnp.asarray(value)
        cell = eqx.tree_at(lambda c, name=name: getattr(c, name), cell, value)
    return cell


def outputs(cell: Any, xs: np.ndarray) -> np.ndarray:
    return np.asarray(unroll(cell, Sequence(jnp.asarray(xs))).hs)


GATES = {"tanh": np.tanh, "sigmoid": lambda z: 1.0 / (1.0 + np.exp(-z))}


@pytest.mark.parametrize("gate", GATES)
def test_states_are_those_of_the_equations(gate: str):
    cell, g = cell_of(gate), GATES[gate]
    arrays = {name: np.asarray(getattr(cell, name)) for name in WEIGHTS}
    halves = {name: np.split(arrays[name], 2, axis=-1) for name in WEIGHTS}
    (u_c, u_h), (w_cc, w_ch), (w_hh, w_hc) = (halves[n] for n in WEIGHTS[:3])
    (b_cc, b_ch), (b_hh, b_hc) = (halves[n] for n in WEIGHTS[3:])

    def elu(z: np.ndarray) -> np.ndarray:
        return np.where(z > 0, z, np.expm1(np.minimum(z, 0.0)))

    c = h = np.zeros(HIDDEN)
    xs, hs = drawn(LENGTH, FEATURES, seed=9), []
    for x in xs:
        c, h = (
            elu((1 - g(c @ w_cc + b_cc)) * c + (1 - g(h @ w_hc + b_hc)) * (x @ u_c)),
            elu((1 - g(h @ w_hh + b_hh)) * h + (1 - g(c @ w_ch + b_ch)) * (x @ u_h)),
        )
        hs.append(h)
    np.testing.assert_allclose(outputs(cell, xs), hs, rtol=1e-12, atol=1e-12)


def at_their_start() -> dict[str, np.ndarray]:
    """Returns gates that say nothing, and maps that hand on what is not negative."""
    square, bias = np.zeros((HIDDEN, 2 * HIDDEN)), np.zeros(2 * HIDDEN)
    return {
        "input_weight": np.abs(drawn(FEATURES, 2 * HIDDEN)),
        "cell_weight": square,
        "output_weight": square,
        "cell_bias": bias,
        "output_bias": bias,
    }


def test_open_gates_of_tanh_sum_what_comes_in():
    cell = cell_of("tanh", **at_their_start())
    xs = np.abs(drawn(LENGTH, FEATURES))
    driven = xs @ np.asarray(cell.input_weight)[:, HIDDEN:]
    np.testing.assert_allclose(outputs(cell, xs), np.cumsum(driven, axis=0), rtol=1e-12)


def test_half_open_gates_halve_it_at_every_step():
    cell = cell_of("sigmoid", **at_their_start())
    xs = np.abs(drawn(LENGTH, FEATURES))
    driven = xs @ np.asarray(cell.input_weight)[:, HIDDEN:]
    shares = 0.5 ** np.arange(LENGTH, 0, -1)
    np.testing.assert_allclose(outputs(cell, xs)[-1], shares @ driven, rtol=1e-12)


def test_the_memory_is_heard_by_the_gate_of_the_output_alone():
    """Where that gate says nothing, what the memory does changes no output."""
    silent = drawn(HIDDEN, 2 * HIDDEN)
    silent[:, HIDDEN:] = 0.0
    xs = drawn(LENGTH, FEATURES)
    other = drawn(FEATURES, 2 * HIDDEN, seed=7)
    one = cell_of("sigmoid", cell_weight=silent, input_weight=other)
    changed = np.concatenate([other[:, :HIDDEN] + 1.0, other[:, HIDDEN:]], axis=1)
    two = cell_of("sigmoid", cell_weight=silent, input_weight=changed)
    np.testing.assert_array_equal(outputs(one, xs), outputs(two, xs))
    heard = cell_of("sigmoid", input_weight=changed)
    unchanged = cell_of("sigmoid", input_weight=other)
    assert np.abs(outputs(heard, xs) - outputs(unchanged, xs)).max() > 1e-3


def test_it_starts_as_told():
    cell: Any = ReciprocalGated(40, 50, key=KEY)
    limits = {"input_weight": 6 / 90, "cell_weight": 0.06, "output_weight": 0.06}
    for name, square in limits.items():
        largest = np.abs(np.asarray(getattr(cell, name))).max()
        assert 0.95 * square**0.5 < largest <= square**0.5
    assert not np.any(cell.cell_bias)
    assert not np.any(cell.output_bias)
    with pytest.raises(ValueError, match="gate 'relu' is none of sigmoid, tanh"):
        ReciprocalGated(2, 3, gate="relu", key=KEY)  # pyright: ignore
