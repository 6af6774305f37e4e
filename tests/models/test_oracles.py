"""Contenders against implementations that were not written here.

The files in `tests/oracles` hold what PyTorch and ncps answer (`record.py` there makes
them); the unitary network is held against scipy's exponential and complex numbers in
numpy.
"""

from functools import partial
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from jaxtyping import PyTree
from safetensors.numpy import load_file
from tests.compiled import unroll

from nnarena.core.types import Sequence
from nnarena.models.cfc import CfC
from nnarena.models.deep_rnn import DeepRNN
from nnarena.models.elman import Elman
from nnarena.models.encoder import EncoderBlock
from nnarena.models.exp_unitary import ExpUnitary
from nnarena.models.gru import GRU
from nnarena.models.lstm import LSTM
from nnarena.models.ode_lstm import ODELSTM
from nnarena.nn.self_attention import SelfAttention


pytestmark = pytest.mark.usefixtures("double_precision")

ORACLES = Path(__file__).parents[1] / "oracles"
CASES = ["short", "long"]
FEATURES, HIDDEN = 3, 5
WIDTH, HEADS = 8, 2
KEY = jax.random.key(0)


class Oracle:
    """One recorded file: torch's weights, inputs and answers."""

    def __init__(self, name: str):
        self.tensors = {
            key: jnp.asarray(value)
            for key, value in load_file(ORACLES / f"{name}.safetensors").items()
        }

    def __getitem__(self, key: str) -> jax.Array:
        return self.tensors[key]

    def fill(self, linear: eqx.nn.Linear, name: str, infix: str = "") -> eqx.nn.Linear:
        """Returns the linear map with torch's weight and bias of that name."""
        weight = self[f"weight.{name}{infix}weight"]
        bias = self[f"weight.{name}{infix}bias"]
        assert (weight.shape, bias.shape) == (linear.weight.shape, bias.shape)
        return eqx.tree_at(
            lambda part: (part.weight, part.bias), linear, (weight, bias)
        )


def replace(module: PyTree, **fields: PyTree) -> PyTree:
    """Returns the module with some of its arrays replaced by others of equal shape."""
    for name, value in fields.items():
        assert shapes(getattr(module, name)) == shapes(value), name
        module = eqx.tree_at(lambda part, name=name: getattr(part, name), module, value)
    return module


def shapes(tree: PyTree) -> PyTree:
    """Returns the shape of every array."""
    return jax.tree.map(jnp.shape, tree)


def one_bias(oracle: Oracle, prefix: str) -> dict[str, jax.Array]:
    """Returns a torch cell's arrays in our form, its two biases added up."""
    return {
        "input_weight": oracle[f"{prefix}.weight_ih_l0"].T,
        "recurrent_weight": oracle[f"{prefix}.weight_hh_l0"].T,
        "bias": oracle[f"{prefix}.bias_ih_l0"] + oracle[f"{prefix}.bias_hh_l0"],
    }


def stacked(oracle: Oracle, prefix: str) -> dict[str, PyTree]:
    """Returns the arrays of torch's RNN of two layers in our form."""

    def both(name: str) -> tuple[jax.Array, ...]:
        return tuple(oracle[f"{prefix}.{name}_l{layer}"] for layer in range(2))

    first, second = both("weight_ih")
    biases = zip(both("bias_ih"), both("bias_hh"), strict=True)
    return {
        "input_weight": first.T,
        "layer_weights": (second.T,),
        "recurrent_weights": tuple(weight.T for weight in both("weight_hh")),
        "biases": tuple(of_input + of_state for of_input, of_state in biases),
    }


def two_biases(oracle: Oracle, prefix: str) -> dict[str, jax.Array]:
    """Returns a torch GRU's arrays in our form."""
    return {
        "input_weight": oracle[f"{prefix}.weight_ih_l0"].T,
        "recurrent_weight": oracle[f"{prefix}.weight_hh_l0"].T,
        "input_bias": oracle[f"{prefix}.bias_ih_l0"],
        "recurrent_bias": oracle[f"{prefix}.bias_hh_l0"],
    }


def lstm_and_flow(oracle: Oracle, prefix: str) -> dict[str, jax.Array]:
    """Returns the arrays of torch's LSTM and RNN cells in our form."""

    def biases(cell: str) -> jax.Array:
        return oracle[f"{prefix}.{cell}.bias_ih"] + oracle[f"{prefix}.{cell}.bias_hh"]

    return {
        "input_weight": oracle[f"{prefix}.lstm.weight_ih"].T,
        "recurrent_weight": oracle[f"{prefix}.lstm.weight_hh"].T,
        "bias": biases("lstm"),
        "flow_input_weight": oracle[f"{prefix}.flow.weight_ih"].T,
        "flow_recurrent_weight": oracle[f"{prefix}.flow.weight_hh"].T,
        "flow_bias": biases("flow"),
        "flow_gain": oracle[f"{prefix}.gain"],
    }


def closed_form(oracle: Oracle, prefix: str) -> dict[str, PyTree]:
    """Returns the arrays of ncps's CfC cell in our form, its heads side by side."""
    cell = f"{prefix}.cell"
    known = oracle.tensors.keys()
    layers = [f"{cell}.backbone.{index}" for index in (0, 2)]
    heads = [f"{cell}.{head}" for head in ("ff1", "ff2", "time_a", "time_b")]
    heads = [head for head in heads if f"{head}.weight" in known]
    alone = {"rate": f"{cell}.w_tau", "amplitude": f"{cell}.A"}
    return {
        "backbone_weights": tuple(oracle[f"{layer}.weight"].T for layer in layers),
        "backbone_biases": tuple(oracle[f"{layer}.bias"] for layer in layers),
        "head_weight": jnp.hstack([oracle[f"{head}.weight"].T for head in heads]),
        "head_bias": jnp.hstack([oracle[f"{head}.bias"] for head in heads]),
        **{ours: oracle[key][0] for ours, key in alone.items() if key in known},
    }


CELLS = {
    "rnn": (Elman, one_bias),
    "rnn_stacked": (DeepRNN, stacked),
    "lstm": (LSTM, one_bias),
    "gru": (GRU, two_biases),
    "ode_lstm": (ODELSTM, lstm_and_flow),
    **{
        f"cfc_{mode}": (
            partial(CfC, mode=mode, backbone_units=7, backbone_layers=2),
            closed_form,
        )
        for mode in ("default", "no_gate", "pure")
    },
}


def recorded_cell(name: str) -> tuple[Oracle, PyTree]:
    """Returns an oracle and our cell with its weights."""
    make, arrays = CELLS[name]
    oracle = Oracle(name)
    cell = make(FEATURES, HIDDEN, key=KEY)
    return oracle, replace(cell, **arrays(oracle, "weight"))


def ones(xs: jax.Array) -> jax.Array:
    """Returns one unit of time per step."""
    return jnp.ones(xs.shape[0])


def times_of(oracle: Oracle, case: str) -> jax.Array:
    """Returns the recorded times, or ones for a cell that knows of none."""
    return oracle.tensors.get(f"{case}.times", ones(oracle[f"{case}.inputs"]))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", CELLS)
def test_recurrent_outputs_are_those_recorded(name: str, case: str):
    oracle, cell = recorded_cell(name)
    hs = unroll(cell, Sequence(oracle[f"{case}.inputs"], times_of(oracle, case))).hs
    np.testing.assert_allclose(hs, oracle[f"{case}.outputs"], rtol=0, atol=1e-11)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", CELLS)
def test_recurrent_gradients_are_those_recorded(name: str, case: str):
    oracle, cell = recorded_cell(name)
    xs = oracle[f"{case}.inputs"]

    def loss(cell_and_inputs):
        cell, xs = cell_and_inputs
        hs = unroll(cell, Sequence(xs, times_of(oracle, case))).hs
        return jnp.sum(oracle[f"{case}.probe"] * hs)

    of_cell, of_inputs = eqx.filter_jit(eqx.filter_grad(loss))((cell, xs))
    expected = CELLS[name][1](oracle, f"{case}.gradient")
    for summed in expected.keys() & {"bias", "biases", "flow_bias"}:
        # Each of torch's two has the gradient of our one.
        expected[summed] = jax.tree.map(lambda twice: twice / 2.0, expected[summed])
    expected_inputs = oracle[f"{case}.gradient.inputs"]
    np.testing.assert_allclose(of_inputs, expected_inputs, rtol=1e-11, atol=1e-11)
    for field, gradient in expected.items():
        close = partial(
            np.testing.assert_allclose, rtol=1e-11, atol=1e-11, err_msg=field
        )
        jax.tree.map(close, getattr(of_cell, field), gradient)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["lstm", "ode_lstm"])
def test_memory_ends_as_that_of_torch(name: str, case: str):
    oracle, cell = recorded_cell(name)
    sequence = oracle[f"{case}.inputs"], times_of(oracle, case)

    def step(state, observation):
        return cell(state, *observation)

    (_, memory), _ = jax.lax.scan(step, cell.init_state(), sequence)
    np.testing.assert_allclose(
        memory, oracle[f"{case}.last_memory"], rtol=0, atol=1e-11
    )


def fill_attention(oracle: Oracle, attention: SelfAttention, prefix: str = ""):
    """Returns the attention with torch's weights; both stack queries, keys, values."""
    return eqx.tree_at(
        lambda part: (part.project, part.merge),
        attention,
        (
            oracle.fill(attention.project, f"{prefix}in_proj", "_"),
            oracle.fill(attention.merge, f"{prefix}out_proj", "."),
        ),
    )


def outputs_of(oracle: Oracle, case: str, *, causal: bool) -> jax.Array:
    """Returns torch's answers, with or without its causal mask."""
    return oracle[f"{case}.causal_outputs" if causal else f"{case}.outputs"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_that_of_torch(causal: bool, case: str):
    oracle = Oracle("attention")
    ours = SelfAttention(WIDTH, HEADS, rotary=False, causal=causal, key=KEY)
    ours = fill_attention(oracle, ours)
    xs = oracle[f"{case}.inputs"]
    shown = eqx.filter_jit(lambda ours, *asked: (ours(*asked), ours.weights(*asked)))
    found, weights = shown(ours, xs, jnp.cumsum(ones(xs)))
    expected = outputs_of(oracle, case, causal=causal)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)
    # What torch's values come to by the weights that are shown is torch's answer, too.
    _, _, into, merge = (
        *np.split(np.asarray(oracle["weight.in_proj_weight"]), 3),
        np.asarray(oracle["weight.out_proj.weight"]),
    )
    values = xs @ into.T + np.asarray(oracle["weight.in_proj_bias"])[-WIDTH:][None]
    by_head = np.asarray(values).reshape(len(xs), HEADS, -1)
    gathered = np.einsum("hqk,khd->qhd", weights, by_head).reshape(len(xs), -1)
    by_hand = gathered @ merge.T + np.asarray(oracle["weight.out_proj.bias"])[None]
    np.testing.assert_allclose(by_hand, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("causal", [False, True])
def test_encoder_block_is_that_of_torch(causal: bool, case: str):
    oracle = Oracle("encoder_block")
    make = partial(SelfAttention, WIDTH, HEADS, rotary=False, causal=causal)
    ours = EncoderBlock(WIDTH, 4, make, key=KEY)

    def parts(block):
        return (
            block.attention_norm,
            block.attention,
            block.feed_norm,
            block.widen,
            block.narrow,
        )

    theirs = (
        oracle.fill(ours.attention_norm, "norm1", "."),  # pyright: ignore[reportArgumentType]
        fill_attention(oracle, ours.attention, "self_attn."),
        oracle.fill(ours.feed_norm, "norm2", "."),  # pyright: ignore[reportArgumentType]
        oracle.fill(ours.widen, "linear1", "."),
        oracle.fill(ours.narrow, "linear2", "."),
    )
    ours = eqx.tree_at(parts, ours, theirs)
    xs = oracle[f"{case}.inputs"]
    found = eqx.filter_jit(ours)(xs, jnp.cumsum(ones(xs)))
    expected = outputs_of(oracle, case, causal=causal)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


def as_single(array: np.ndarray) -> np.ndarray:
    """Returns numbers that single precision holds exactly, in double."""
    return array.astype(np.float32).astype(np.float64)


def complex_recurrence(
    matrix: np.ndarray, drive: np.ndarray, bias: np.ndarray, epsilon: float
) -> np.ndarray:
    """Returns h_t = modReLU(h_{t-1} W + drive_t; b) with numpy's complex numbers."""
    h = np.zeros(matrix.shape[0], dtype=np.complex128)
    hs = []
    for term in drive:
        z = h @ matrix + term
        modulus = np.sqrt(np.abs(z) ** 2 + epsilon)
        h = np.maximum(modulus + bias, 0.0) * z / modulus
        hs.append(h)
    return np.stack(hs)


@pytest.mark.parametrize(
    ("double", "length", "tolerance"),
    [(False, 12, 5e-6), (False, 50, 5e-5), (True, 50, 1e-10)],
)
def test_exp_unitary_is_its_complex_recurrence(
    double: bool, length: int, tolerance: float
):
    """An error of W turns the state a little further every step: 50 x 5e-7."""
    rng = np.random.default_rng(3)
    shapes = [(length, FEATURES), (HIDDEN, HIDDEN), (FEATURES, 2 * HIDDEN)]
    xs, raw, from_input = (as_single(rng.standard_normal(shape)) for shape in shapes)
    bias = as_single(rng.uniform(-0.3, 0.1, HIDDEN))
    with jax.enable_x64(double):
        cell = eqx.tree_at(
            lambda c: (c.recurrent_weight.generator.raw, c.input_weight, c.bias),
            ExpUnitary(FEATURES, HIDDEN, key=KEY),
            tuple(jnp.asarray(array) for array in (raw, from_input, bias)),
        )
        hs = np.asarray(unroll(cell, Sequence(jnp.asarray(xs), jnp.ones(length))).hs)
    assert hs.dtype == (np.float64 if double else np.float32)

    lower, upper = np.tril(raw, -1), np.triu(raw)
    matrix = scipy.linalg.expm((lower - lower.T) + 1j * (upper + upper.T))
    drive = xs @ (from_input[:, :HIDDEN] + 1j * from_input[:, HIDDEN:])
    expected = complex_recurrence(matrix, drive, bias, epsilon=1e-5)
    both = np.concatenate([np.real(expected), np.imag(expected)], axis=1)
    largest = np.max(np.abs(both))
    np.testing.assert_allclose(hs / largest, both / largest, rtol=0, atol=tolerance)
