"""Starting values against their definitions."""

import jax
import numpy as np
import pytest

from nnarena.models import MODELS
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
