"""Starting values against their definitions."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import digamma

from nnarena.models import MODELS
from nnarena.models.deep_rnn import DeepRNN
from nnarena.models.gru import GRU
from nnarena.models.lstm import LSTM
from nnarena.models.ode_lstm import ODELSTM
from nnarena.nn import initializers


KEY = jax.random.key(0)


@pytest.mark.parametrize(("start", "fan_out"), [("gates", 40), ("matrix", 160)])
def test_glorot_is_uniform_up_to_its_limit(start, fan_out):
    matrix = np.asarray(initializers.glorot(8, 40, gates=4, start=start, key=KEY))
    limit = np.sqrt(6 / (8 + fan_out))
    assert matrix.shape == (8, 160)
    assert 0.98 * limit < np.abs(matrix).max() < limit
    assert matrix.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)


@pytest.mark.usefixtures("double_precision")
def test_every_gate_is_orthogonal_by_itself():
    matrix = np.asarray(initializers.orthogonal(6, gates=3, key=KEY))
    for gate in np.split(matrix, 3, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(6), atol=1e-12)


@pytest.mark.usefixtures("double_precision")
def test_as_one_matrix_the_rows_are_orthonormal():
    """Keras: the Q of a tall matrix, transposed where it has more columns than rows."""
    matrix = np.asarray(initializers.orthogonal(6, gates=3, start="matrix", key=KEY))
    assert matrix.shape == (6, 18)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(6), atol=1e-12)


@pytest.mark.parametrize(("cell", "gates"), [(LSTM, 4), (GRU, 3), (ODELSTM, 4)])
def test_a_cell_starts_as_it_is_told(cell, gates):
    apart, together = (cell(8, 64, start=s, key=KEY) for s in ("gates", "matrix"))
    wider = np.std(apart.input_weight) / np.std(together.input_weight)
    assert wider == pytest.approx(np.sqrt((8 + gates * 64) / (8 + 64)), rel=1e-3)
    larger = np.std(apart.recurrent_weight) / np.std(together.recurrent_weight)
    assert larger == pytest.approx(np.sqrt(gates), rel=0.02)


@pytest.mark.parametrize("name", ["lstm", "gru", "ode_lstm"])
def test_all_gates_that_keep_a_state_start_alike(name: str):
    """A cell that starts with its gates wider open remembers longer at first."""
    model = MODELS[name].make(3, 4, key=jax.random.key(0))
    biases = model.input_bias if name == "gru" else model.bias
    gates = np.asarray(biases).reshape(-1, 4)
    assert np.all(gates[1] == initializers.FORGET_BIAS)
    assert np.all(gates[[0, *range(2, len(gates))]] == 0)
    assert MODELS[name].defaults["forget_bias"] == initializers.FORGET_BIAS


UNITS, LAYERS, SETTLING, WALKS = 20, 40, 30, 400
THROUGH = {"linear": lambda a: a, "relu": jax.nn.relu, "tanh": jnp.tanh}


def stack(through, h, weights):
    """Returns what a random walk's layers make of an input."""
    return jax.lax.scan(lambda h, w: (THROUGH[through](h @ w), None), h, weights)[0]


@partial(jax.jit, static_argnames="through")
@partial(jax.vmap, in_axes=(None, 0))
def walk(through, key):
    """Returns ln |d_0| / |d_L| of a gradient, once the activations have settled."""
    *keys, first, last = jax.random.split(key, SETTLING + LAYERS + 2)
    draw = partial(initializers.random_walk, UNITS, through=through)
    weights = jax.vmap(lambda key: draw(key=key))(jnp.stack(keys))
    h = stack(through, jax.random.normal(first, (UNITS,)), weights[:SETTLING])
    _, back = jax.vjp(partial(stack, through, weights=weights[SETTLING:]), h)
    d = jax.random.normal(last, (UNITS,))
    return jnp.log(jnp.linalg.norm(back(d)[0]) / jnp.linalg.norm(d))


@pytest.mark.parametrize("through", THROUGH)
def test_the_norm_of_a_gradient_walks_at_random(through):
    """Level within 4 standard errors; a gain of 1 walks down as a closed form says."""
    ends = np.asarray(walk(through, jax.random.split(KEY, WALKS)), np.float64)
    error = ends.std(ddof=1) / math.sqrt(WALKS)
    assert abs(ends.mean()) < 4.0 * error
    gain = initializers.walk_gain(UNITS, through)
    assert LAYERS * math.log(gain) > 8.0 * error  # without it, it would be seen
    if through == "linear":
        half = UNITS / 2.0
        drift = 0.5 * LAYERS * (digamma(half) - math.log(half))
        down = ends.mean() - LAYERS * math.log(gain)
        assert abs(down - drift) < 4.0 * error


@pytest.mark.parametrize("size", [6, 20, 100])
def test_the_gain_of_a_linear_stack_is_that_of_chi_squared(size):
    """To second order: exp(-E ln sqrt(chi^2_N / N)) = exp(1/2N + 1/6N^2 + ...)."""
    exact = -0.5 * (digamma(size / 2.0) - math.log(size / 2.0))
    missed = exact - math.log(initializers.walk_gain(size, "linear"))
    assert missed == pytest.approx(1.0 / (6.0 * size**2), rel=0.1)


def test_gains_are_those_of_the_paper():
    for size, gain in ((6, 1.97), (20, 1.514), (100, 1.432)):
        assert initializers.walk_gain(size, "relu") == pytest.approx(gain, abs=6e-3)
    few, many = (initializers.walk_gain(size, "relu") for size in (2, 6))
    assert few == many


def test_layers_of_a_deep_network_start_as_asked_and_nothing_else():
    make = partial(DeepRNN, 3, 64, deep="transition", layers=4, key=KEY)
    usual, named, other = make(), make(start="glorot"), make(start="random_walk")
    for a, b in zip(usual.layer_weights, named.layer_weights, strict=True):
        np.testing.assert_array_equal(a, b)
    for name in ("input_weight", "recurrent_weights", "biases"):
        for a, b in zip(getattr(usual, name), getattr(other, name), strict=True):
            np.testing.assert_array_equal(a, b)
    drawn = np.stack(other.layer_weights)
    gain = initializers.walk_gain(64, "tanh")
    assert drawn.std() * 8.0 == pytest.approx(gain, rel=4.0 / math.sqrt(2 * drawn.size))
