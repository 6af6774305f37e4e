"""The gated transformer-XL: DI-engine's parts, its gates, and what it keeps."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.compiled import answer

from nnarena.core.types import Sequence
from nnarena.models.contender import count_parameters
from nnarena.models.gtrxl import GTrXL
from nnarena.nn.residual_gates import ResidualGate


WIDTH, SEGMENT = 6, 4
KEY = jax.random.key(0)
ORACLE = Path(__file__).parents[1] / "oracles" / "gtrxl.safetensors"

pytestmark = pytest.mark.usefixtures("double_precision")


def drawn(*shape: int, seed: int = 1) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape))


def layer_of(**settings: Any) -> Any:
    settings = {"segment": SEGMENT, "memory": 6, "expansion": 2, **settings}
    return GTrXL(WIDTH, WIDTH, **settings, key=KEY)


def outputs(layer: Any, xs: jax.Array) -> np.ndarray:
    return np.asarray(answer(layer, Sequence(xs)))


def their_block(tensors: dict[str, np.ndarray], prefix: str) -> list[jax.Array]:
    """Returns a block's arrays of DI-engine and torch in our form and order."""

    def of(name: str) -> np.ndarray:
        return tensors[f"{prefix}.{name}"]

    def maps(*names: str) -> np.ndarray:
        return np.hstack([of(f"{name}.weight").T for name in names])

    # Theirs has all sines before all cosines; ours takes them in turn.
    turn = np.arange(WIDTH).reshape(2, -1).T.reshape(-1)
    found = [of("norm1.weight"), of("norm1.bias")]
    found += [maps(f"attention.attention_{name}.0") for name in ("q", "kv")]
    found += [maps("attention.project_pos.0")[turn], maps("attention.project.0")]
    found += [of("u"), of("v"), of("norm2.weight"), of("norm2.bias")]
    found += [of(f"{m}.0.{n}") for m in ("widen", "narrow") for n in ("weight", "bias")]
    for gate in ("gate1", "gate2"):
        found.append(maps(f"{gate}.Ur", f"{gate}.Uz"))
        found.append(maps(*(f"{gate}.W{name}" for name in "rzg")))
        found += [maps(f"{gate}.Ug"), of(f"{gate}.bg")]
    return [jnp.asarray(array) for array in found]


def our_block(block: Any) -> list[jax.Array]:
    mix, gates = block.attention, (block.attention_gate, block.feed_gate)
    found = [block.attention_norm.weight, block.attention_norm.bias]
    found += [mix.query_weight, mix.key_value_weight, mix.position_weight]
    found += [mix.merge_weight, mix.content_bias, mix.position_bias]
    found += [block.feed_norm.weight, block.feed_norm.bias]
    found += [a for m in (block.widen, block.narrow) for a in (m.weight, m.bias)]
    return found + [a for g in gates for a in (g.of_x, g.of_y, g.of_reset, g.bias)]


@pytest.mark.parametrize("case", ["short", "long"])
def test_outputs_and_gradients_are_those_of_a_walk_from_segment_to_segment(case: str):
    tensors = load_file(ORACLE)
    layer = layer_of()
    for index in range(2):
        arrays = their_block(tensors, f"weight.blocks.{index}")
        ours = our_block(layer.blocks[index])
        assert [a.shape for a in arrays] == [a.shape for a in ours]
        layer = eqx.tree_at(
            lambda part, index=index: our_block(part.blocks[index]), layer, arrays
        )
    xs, probe = (jnp.asarray(tensors[f"{case}.{n}"]) for n in ("inputs", "probe"))

    def loss(layer_and_inputs):
        layer, xs = layer_and_inputs
        hs = layer(Sequence(xs))
        return jnp.sum(probe * hs), hs

    gradient = eqx.filter_jit(eqx.filter_grad(loss, has_aux=True))
    (of_layer, of_inputs), hs = gradient((layer, xs))
    np.testing.assert_allclose(hs, tensors[f"{case}.outputs"], rtol=0, atol=1e-11)
    np.testing.assert_allclose(
        of_inputs, tensors[f"{case}.gradient.inputs"], rtol=1e-10, atol=1e-11
    )
    for index in range(2):
        expected = their_block(tensors, f"{case}.gradient.blocks.{index}")
        for ours, theirs in zip(
            our_block(of_layer.blocks[index]), expected, strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-z))


@pytest.mark.parametrize("name", ["input", "output", "highway", "sigtanh", "sum"])
def test_a_gate_is_its_equation(name: Any):
    gate: Any = ResidualGate(name, WIDTH, bias=0.7, key=KEY)
    x, y = np.asarray(drawn(3, WIDTH)), np.asarray(drawn(3, WIDTH, seed=2))
    first = np.zeros((3, WIDTH)) if gate.of_x is None else x @ np.asarray(gate.of_x)
    added = np.zeros((3, WIDTH))
    if name == "sigtanh":
        first, added = np.split(y @ np.asarray(gate.of_y), 2, axis=1)
    kept = sigmoid(first + 0.7)
    expected = {
        "input": sigmoid(first) * x + y,
        "output": x + sigmoid(first - 0.7) * y,
        "highway": kept * x + (1.0 - kept) * y,
        "sigtanh": x + sigmoid(first - 0.7) * np.tanh(added),
        "sum": x + y,
    }[name]
    np.testing.assert_allclose(gate(jnp.asarray(x), jnp.asarray(y)), expected)


def test_a_gate_has_as_many_numbers_as_the_paper_counts():
    gate = ResidualGate("gru", WIDTH, bias=2.0, key=KEY)
    assert count_parameters(gate) == 6 * WIDTH**2 + WIDTH


@pytest.mark.parametrize("gate", ["gru", "output", "highway", "sigtanh"])
def test_the_larger_its_bias_the_nearer_is_the_layer_to_the_identity(gate: str):
    xs = drawn(9, WIDTH)
    gaps = [
        np.abs(outputs(layer_of(gate=gate, gate_bias=bias), xs) - xs).max()
        for bias in (2.0, 6.0, 60.0)
    ]
    assert gaps[0] > 3.0 * gaps[1] > 0.0
    assert gaps[2] < 1e-12


def test_a_gate_starts_an_eighth_open():
    gate: Any = ResidualGate("gru", WIDTH, bias=2.0, key=KEY)
    np.testing.assert_allclose(sigmoid(-np.asarray(gate.bias)), 0.119, atol=1e-3)


def reach(layer: Any, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns which inputs the last output uses, and which it has a gradient of."""
    xs = drawn(length, WIDTH)

    @eqx.filter_jit
    def last(layer, xs):
        return jnp.sum(layer(Sequence(xs))[-1])

    gradient = jax.grad(lambda xs: last(layer, xs))(xs)
    # Not by one number for all features, which a norm takes away.
    several = xs[None] + jnp.eye(length)[:, :, None] * drawn(1, 1, WIDTH, seed=2)
    moved = jax.vmap(lambda xs: last(layer, xs))(several) - last(layer, xs)
    return np.abs(moved) > 1e-12, np.any(np.asarray(gradient) != 0.0, axis=1)


@pytest.mark.parametrize(("memory", "used"), [(0, 4), (3, 11), (50, 16)])
def test_it_uses_a_memory_per_block_and_is_taught_a_segment(memory: int, used: int):
    """Two blocks: the second keeps what the first made of its own memory.

    With 3, that is of the steps from 9 on, the first of which saw those from 5 on.
    """
    found, taught = reach(layer_of(memory=memory), 16)
    np.testing.assert_array_equal(found, np.arange(16) >= 16 - used)
    np.testing.assert_array_equal(taught, np.arange(16) >= 12)


def test_a_sequence_within_a_segment_is_seen_whole():
    xs = drawn(9, WIDTH)
    whole = outputs(layer_of(segment=9), xs)
    np.testing.assert_allclose(outputs(layer_of(segment=50, memory=0), xs), whole)
    # And a memory of all that was makes no difference but to the gradient.
    np.testing.assert_allclose(outputs(layer_of(memory=99), xs), whole, atol=1e-13)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gate": "lstm"}, "gate 'lstm' is none of gru, input, output, highway"),
        ({"segment": 0}, "segment must be a whole number of at least 1, not 0"),
        ({"memory": -1}, "memory must be a whole number of at least 0, not -1"),
        ({"heads": 0}, "heads must be a whole number of at least 1, not 0"),
    ],
)
def test_a_wrong_setting_is_refused(settings: Any, message: str):
    with pytest.raises(ValueError, match=message):
        layer_of(**settings)
