"""The Memory Augmented Transformer against the same equations in torch's parts."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array
from safetensors.numpy import load_file
from tests.compiled import unroll
from tests.copying import learn_to_copy

from nnarena.core.types import Sequence
from nnarena.models.contender import Contender, count_parameters
from nnarena.models.memory_augmented_transformer import MemoryAugmentedTransformer
from nnarena.nn.parametrization import resolve


FEATURES, WIDTH, ROWS, COLUMNS, HEADS = 3, 8, 5, 3, 2
KEY = jax.random.key(0)
NAMES = {  # ours and torch's
    "input_embed": "input_embed.",
    "memory_embed": "memory_embed.",
    "control": "control.",
    "block.project": "layer.self_attn.in_proj_",
    "block.merge": "layer.self_attn.out_proj.",
    "block.widen": "layer.linear1.",
    "block.narrow": "layer.linear2.",
    "block.norm": "layer.norm1.",
}
ORACLE = load_file(
    Path(__file__).parents[1] / "oracles" / "memory_augmented_transformer.safetensors"
)


def arrays(cell: Any) -> list[Array]:
    """Returns weight and bias of every part of the cell."""
    found = []
    for name in NAMES:
        part = cell
        for step in name.split("."):
            part = getattr(part, step)
        found += [part.weight, part.bias]
    return found


def recorded(prefix: str) -> list[np.ndarray]:
    """Returns torch's numbers, or their gradients, as ours stand."""
    both = [
        ORACLE[f"{prefix}.{theirs}{kind}"]
        for theirs in NAMES.values()
        for kind in ("weight", "bias")
    ]
    return [array.T for array in both]


def make(**numbers: Any) -> MemoryAugmentedTransformer:
    """Returns a small cell."""
    sizes: dict[str, Any] = {"rows": ROWS, "columns": COLUMNS, "heads": HEADS}
    return MemoryAugmentedTransformer(FEATURES, WIDTH, **(sizes | numbers), key=KEY)


def recorded_cell() -> MemoryAugmentedTransformer:
    """Returns our cell with torch's weights; its heads share the width of a token."""
    cell = make(key_size=WIDTH // HEADS)
    values = recorded("weight")
    assert [a.shape for a in arrays(cell)] == [value.shape for value in values]
    return eqx.tree_at(arrays, cell, [jnp.asarray(value) for value in values])


@eqx.filter_jit
def run(cell: MemoryAugmentedTransformer, xs: Array) -> tuple[Array, Array]:
    """Returns the memory after the last step, and the outputs of all."""
    ready = resolve(cell)

    def step(memory, x):
        return ready(memory, x, jnp.ones_like(x[0]))

    return jax.lax.scan(step, ready.init_state(), xs)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("case", ["short", "long"])
def test_outputs_and_memory_are_those_of_torch(case: str):
    memory, hs = run(recorded_cell(), jnp.asarray(ORACLE[f"{case}.inputs"]))
    np.testing.assert_allclose(hs, ORACLE[f"{case}.outputs"], rtol=0, atol=1e-11)
    np.testing.assert_allclose(
        memory, ORACLE[f"{case}.last_memory"], rtol=0, atol=1e-11
    )


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("case", ["short", "long"])
def test_gradients_are_those_of_torch(case: str):
    xs, probe = (jnp.asarray(ORACLE[f"{case}.{part}"]) for part in ("inputs", "probe"))

    def loss(cell_and_inputs):
        return jnp.sum(probe * run(*cell_and_inputs)[1])

    of_cell, of_inputs = eqx.filter_grad(loss)((recorded_cell(), xs))
    expected = [*recorded(f"{case}.gradient"), ORACLE[f"{case}.gradient.inputs"]]
    for found, gradient in zip([*arrays(of_cell), of_inputs], expected, strict=True):
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(found / scale, gradient / scale, rtol=0, atol=1e-11)


def test_a_norm_of_its_own_adds_its_weights():
    apart, shared = (
        eqx.filter_eval_shape(lambda one=one: make(shared_norm=one))
        for one in (False, True)
    )
    assert count_parameters(apart) == count_parameters(shared) + 2 * WIDTH


def test_memory_starts_as_in_the_thesis():
    memory = make().init_state()
    np.testing.assert_array_equal(memory, np.full((ROWS, COLUMNS), 1e-6, np.float32))


def controlled(cell: Any, gate: float, data: list[float]) -> Any:
    """Returns the cell with the same control of every row, whatever it sees."""
    bias = jnp.array([gate, *data])
    weight = jnp.zeros_like(cell.control.weight)
    return eqx.tree_at(
        lambda c: (c.control.weight, c.control.bias), cell, (weight, bias)
    )


@pytest.mark.parametrize(
    ("residual", "expected"),
    [
        (False, [0.75 * 1e-6 + 0.25 * 2.0, 0.25 * -4.0, 0.0]),
        (True, [1e-6 + 0.25 * 2.0, 0.25 * -4.0, 0.0]),
    ],
    ids=["replaced", "changed"],
)
def test_one_gate_per_row_mixes_old_and_new(residual: bool, expected: list[float]):
    """The logistic of -ln 3 is 1/4."""
    cell = controlled(make(residual=residual), -float(np.log(3.0)), [2.0, -4.0, 0.0])
    memory, _ = run(cell, jnp.ones((1, FEATURES)))
    rows = np.tile(expected, (ROWS, 1))
    np.testing.assert_allclose(memory, rows, rtol=1e-6, atol=2e-6)


def test_a_residual_adds_up_where_a_row_would_be_replaced():
    """Ten changes of 1/2 each; replaced by 1 half and half, a row goes to 1."""
    xs = jnp.ones((10, FEATURES))
    ends = {}
    for residual in (False, True):
        cell = controlled(make(residual=residual), 0.0, [1.0, 1.0, 1.0])
        ends[residual] = np.asarray(run(cell, xs)[0])
    np.testing.assert_allclose(ends[False], 1.0 - 0.5**10, atol=1e-5)
    np.testing.assert_allclose(ends[True], 5.0, atol=1e-5)


def test_rows_may_be_tokens_as_they_are():
    cell = make(columns=None, embed_rows=False)
    assert cell.memory_embed is None
    assert cell.init_state().shape == (ROWS, WIDTH)
    hs = unroll(cell, Sequence(jnp.ones((3, FEATURES)), jnp.ones(3))).hs
    assert hs.shape == (3, WIDTH)
    assert np.isfinite(np.asarray(hs)).all()


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"embed_rows": False}, "set columns to None, which is 8 here, not 3"),
        ({"rows": 0}, "rows must be a whole number"),
        ({"key_size": 0}, "key_size must be a whole number"),
    ],
)
def test_bad_numbers_are_refused(numbers: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words):
        make(**numbers)


@pytest.mark.slow
def test_it_learns_to_say_a_list_again():
    """Who does not remember has 0.25."""
    numbers = {"rows": 4, "columns": 8}
    fitted = learn_to_copy(
        Contender("memory_augmented_transformer", numbers),
        width=16,
        words=2,
        steps=800,
        rate=0.003,
    )
    assert float(fitted.test_score) < 0.15
