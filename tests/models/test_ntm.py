"""The Neural Turing Machine against a released one on torch, and closed forms.

`released_ntm.py` in `tests/oracles` says what was recorded; the laws of the heads are
in `test_addressing.py`.
"""

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

from nnarena.core.frozen import Frozen
from nnarena.core.types import Sequence
from nnarena.models.contender import Contender, count_parameters
from nnarena.models.lstm import LSTM
from nnarena.models.ntm import NTM
from nnarena.nn import addressing, external_memory
from nnarena.nn.parametrization import resolve


KEY = jax.random.key(0)
ORACLE = load_file(Path(__file__).parents[1] / "oracles" / "ntm.safetensors")
FEATURES, HIDDEN = 3, 6
SLOTS, WORD = ORACLE["start.memory"].shape
READS = 2
HEADS = ("heads.0.fc_read", "heads.1.fc_read", "heads.2.fc_write")
AIM = WORD + 6
MIRRORED = [*range(WORD + 2), *(WORD + 4, WORD + 3, WORD + 2), WORD + 5]
"""An aim of theirs, whose first share is of the shift by +1, in our order."""


def put(cell: Any, **fields: Any) -> Any:
    """Returns the cell with other arrays of equal shape in some of its fields."""
    for name, value in fields.items():
        old = getattr(cell, name)
        assert jax.tree.map(jnp.shape, old) == jax.tree.map(jnp.shape, value), name
        cell = eqx.tree_at(lambda part, name=name: getattr(part, name), cell, value)
    return cell


def weights(cell: NTM) -> list[Array]:
    """Returns the weights of our cell, of its controller's one bias too."""
    own: Any = cell.controller
    state = [cell.head_weight, cell.head_bias, cell.first_state]
    return [own.input_weight, own.recurrent_weight, own.bias, *state]


def recorded(prefix: str) -> list[np.ndarray]:
    """Returns torch's numbers, or their gradients, as ours stand."""

    def of(name: str) -> np.ndarray:
        return ORACLE[f"{prefix}.{name}"]

    def lstm(name: str) -> np.ndarray:
        return of(f"controller.lstm.{name}_l0")

    def heads(name: str) -> np.ndarray:
        """Returns the aims of all heads, and what the one that writes changes."""
        each = [of(f"{head}.{name}") for head in HEADS]
        return np.concatenate([*(head[MIRRORED] for head in each), each[-1][AIM:]])

    bias = lstm("bias_ih") + lstm("bias_hh")
    first = [of(f"controller.lstm_{part}_bias")[0, 0] for part in "hc"]
    return [
        lstm("weight_ih").T,
        lstm("weight_hh").T,
        # The gradient of each of torch's two biases is that of our one.
        bias / 2.0 if "gradient" in prefix else bias,
        heads("weight").T,
        heads("bias"),
        np.stack(first),
    ]


def recorded_cell() -> NTM:
    """Returns our cell with the weights of the oracle, and its constants."""
    cell = NTM(FEATURES, HIDDEN, slots=SLOTS, word_size=WORD, read_heads=READS, key=KEY)
    values = recorded("weight")
    assert [a.shape for a in weights(cell)] == [value.shape for value in values]
    cell = eqx.tree_at(weights, cell, [jnp.asarray(value) for value in values])
    words, reads = (Frozen(ORACLE[f"start.{part}"]) for part in ("memory", "reads"))
    return put(cell, words=words, reads=reads)


@pytest.fixture
def nothing_is_added(monkeypatch):
    """Divides by lengths, and takes logarithms, as they are: so does the oracle."""
    monkeypatch.setattr(external_memory, "EPSILON", 0.0)
    monkeypatch.setattr(addressing, "TINY", 0.0)


@pytest.mark.usefixtures("double_precision", "nothing_is_added")
@pytest.mark.parametrize("case", ["short", "long"])
def test_outputs_and_memory_are_those_of_the_released_machine(case: str):
    found = unroll(recorded_cell(), Sequence(jnp.asarray(ORACLE[f"{case}.inputs"])))
    expected = ORACLE[f"{case}.outputs"]
    assert np.ptp(expected[:, HIDDEN:]) > 0.3  # something was read
    np.testing.assert_allclose(jax.nn.sigmoid(found.hs), expected, rtol=0, atol=1e-11)
    last: Any = found.last
    _, words, looks, _ = last
    np.testing.assert_allclose(words, ORACLE[f"{case}.last_memory"], atol=1e-11)
    np.testing.assert_allclose(looks, ORACLE[f"{case}.looks"], atol=1e-11)


@pytest.mark.usefixtures("double_precision", "nothing_is_added")
@pytest.mark.parametrize("case", ["short", "long"])
def test_gradients_are_those_of_the_released_machine(case: str):
    xs, probe = (jnp.asarray(ORACLE[f"{case}.{part}"]) for part in ("inputs", "probe"))

    @eqx.filter_jit
    @eqx.filter_grad
    def gradients(cell_and_inputs):
        cell, xs = cell_and_inputs
        return jnp.sum(probe * jax.nn.sigmoid(unroll(cell, Sequence(xs)).hs))

    of_cell, of_inputs = gradients((recorded_cell(), xs))
    expected = [*recorded(f"{case}.gradient"), ORACLE[f"{case}.gradient.inputs"]]
    for found, gradient in zip([*weights(of_cell), of_inputs], expected, strict=True):
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(found / scale, gradient / scale, rtol=0, atol=1e-11)
    assert not np.any(of_cell.words.array)
    assert not np.any(of_cell.reads.array)


def test_the_machine_of_the_recipe_has_as_many_weights_as_elsewhere():
    """With its head, as counted by the prototype of the recipe: 62,460."""
    cell = eqx.filter_eval_shape(lambda: NTM(9, 100, key=KEY))
    assert count_parameters(cell) + 120 * 8 + 8 == 62_460


def test_more_slots_cost_no_weights_unless_heads_learn_where_to_start():
    def size(**settings: Any) -> int:
        return count_parameters(
            eqx.filter_eval_shape(lambda: NTM(3, 8, key=KEY, **settings))
        )

    assert size(slots=4) == size(slots=64) == size(slots=64, memory="constant")
    assert size(slots=64, heads="learned") == size(slots=64) + 2 * 64


def test_a_machine_without_memory_is_its_controller():
    """Nothing stands there and nothing is added: reads are 0, whatever is asked."""
    cell: Any = NTM(FEATURES, HIDDEN, slots=SLOTS, word_size=WORD, key=KEY)
    silent = cell.head_weight.at[:, -WORD:].set(0.0)
    cell = put(
        cell,
        words=Frozen(jnp.zeros((SLOTS, WORD))),
        reads=Frozen(jnp.zeros(WORD)),
        head_weight=silent,
        head_bias=cell.head_bias.at[-WORD:].set(0.0),
        first_state=jnp.zeros((2, HIDDEN)),
    )
    lstm = put(
        LSTM(FEATURES, HIDDEN, key=KEY),
        input_weight=cell.controller.input_weight[:FEATURES],
        recurrent_weight=cell.controller.recurrent_weight,
        bias=cell.controller.bias,
    )
    xs = jax.random.normal(KEY, (9, FEATURES))
    found, expected = (unroll(one, Sequence(xs)).hs for one in (cell, lstm))
    np.testing.assert_allclose(found[:, :HIDDEN], expected, atol=1e-6)
    np.testing.assert_array_equal(found[:, HIDDEN:], 0.0)


SETTINGS: dict[str, dict[str, Any]] = {
    "feedforward": {"controller": "feedforward"},
    "constant": {"memory": "constant"},
    "first": {"heads": "first"},
    "learned": {"heads": "learned", "memory": "constant"},
    "several": {"read_heads": 3, "write_heads": 2, "reach": 2},
    "no shifts": {"reach": 0},
}


@pytest.mark.parametrize("case", SETTINGS)
def test_every_form_has_finite_gradients_and_weights_that_sum_to_one(case: str):
    settings = {"slots": SLOTS, "word_size": WORD, **SETTINGS[case]}
    cell = NTM(FEATURES, HIDDEN, key=KEY, **settings)
    xs = jax.random.normal(KEY, (30, FEATURES))

    @eqx.filter_jit
    @eqx.filter_value_and_grad(has_aux=True)
    def of(cell: NTM) -> tuple[Any, Any]:
        found = unroll(cell, Sequence(xs))
        return jnp.sum(found.hs**2), found.last

    (value, last), gradient = of(cell)
    _, words, looks, _ = last
    assert np.isfinite(value)
    assert np.isfinite(words).all()
    np.testing.assert_allclose(looks.sum(axis=1), 1.0, rtol=1e-5)
    for leaf in jax.tree.leaves(gradient):
        assert np.isfinite(leaf).all()


def test_heads_start_where_they_are_told_to():
    def looks(heads: Any) -> np.ndarray:
        cell: Any = resolve(NTM(3, 4, slots=5, heads=heads, key=KEY))
        return np.asarray(cell.init_state()[2])

    np.testing.assert_array_equal(looks("nowhere"), np.zeros((2, 5)))
    np.testing.assert_array_equal(looks("first"), np.eye(5)[[0, 0]])
    np.testing.assert_allclose(looks("learned"), 0.2, rtol=1e-6)


def test_a_reach_beyond_the_ring_is_refused():
    with pytest.raises(ValueError, match="a reach of 2 slots either way needs 5 slots"):
        NTM(3, 4, slots=4, reach=2, key=KEY)


@pytest.mark.slow
def test_it_learns_to_copy():
    """A blind answer has 0.25."""
    contender = Contender("ntm", {"slots": 8, "word_size": 8})
    fitted = learn_to_copy(contender, width=24, words=3, steps=400, rate=0.01)
    assert float(fitted.test_score) < 0.05
