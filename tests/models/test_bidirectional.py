"""Cells read in both directions: torch's, and what the second direction sees."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.compiled import answer, unroll

from nnarena.core.problems import CannotPlay
from nnarena.core.registry import UnknownName
from nnarena.core.types import Classes, Features, Generated, Sequence, Signature, Values
from nnarena.models import MODELS
from nnarena.models.bidirectional import Bidirectional
from nnarena.models.contender import Contender


FEATURES, HIDDEN, LENGTH = 3, 5, 9
KEY = jax.random.key(0)
ORACLE = Path(__file__).parents[1] / "oracles" / "rnn_bidirectional.safetensors"


def torch_arrays(tensors: dict[str, np.ndarray], prefix: str) -> list[jax.Array]:
    """Returns torch's arrays in our form, of one direction and then the other."""
    found = []
    for direction in ("l0", "l0_reverse"):
        names = [f"{kind}_{direction}" for kind in ("weight_ih", "weight_hh")]
        found += [tensors[f"{prefix}.{name}"].T for name in names]
        biases = [f"{prefix}.bias_{of}_{direction}" for of in ("ih", "hh")]
        found.append(sum(tensors[name] for name in biases))
    return [jnp.asarray(array) for array in found]


def our_arrays(layer: Any) -> list[jax.Array]:
    cells = layer.forward.cell, layer.backward.cell
    names = "input_weight", "recurrent_weight", "bias"
    return [getattr(cell, name) for cell in cells for name in names]


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("case", ["short", "long"])
def test_outputs_and_gradients_are_those_of_torch(case: str):
    tensors = load_file(ORACLE)
    layer = eqx.tree_at(
        our_arrays,
        Bidirectional(FEATURES, HIDDEN, key=KEY),
        torch_arrays(tensors, "weight"),
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
        of_inputs, tensors[f"{case}.gradient.inputs"], rtol=1e-11, atol=1e-11
    )
    expected = torch_arrays(tensors, f"{case}.gradient")
    for ours, theirs in zip(our_arrays(of_layer), expected, strict=True):
        theirs = theirs / (1 + (theirs.ndim == 1))  # torch has two biases, alike
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


def timed(seed: int = 3) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(seed)
    xs, dts = rng.standard_normal((LENGTH, FEATURES)), rng.uniform(0.1, 2.0, LENGTH)
    return jnp.asarray(xs, jnp.float32), jnp.asarray(dts, jnp.float32)


@pytest.mark.parametrize("there", [LENGTH, 4, 1])
def test_the_second_direction_begins_where_the_sequence_ends(there: int):
    """Of any cell, with the time that lies between two steps, and no padding."""
    layer = Bidirectional(FEATURES, HIDDEN, cell="ct_rnn", key=KEY)
    xs, dts = timed()
    present = None if there == LENGTH else jnp.arange(LENGTH) < there
    hs = answer(layer, Sequence(xs, dts, present))[:there]
    back = jnp.concatenate([dts[:1], dts[1:there][::-1]])
    forth = unroll(layer.forward.cell, Sequence(xs[:there], dts[:there])).hs
    turned = unroll(layer.backward.cell, Sequence(xs[:there][::-1], back)).hs[::-1]
    np.testing.assert_allclose(hs, jnp.hstack([forth, turned]), rtol=0, atol=1e-6)


def test_a_cell_comes_with_its_settings_and_each_direction_with_its_weights():
    settings = {"cell": "clockwork", "settings": {"periods": [1, 5]}}
    shapes = Contender("bidirectional", settings).shapes(
        Signature(Features(FEATURES), Values(2)), HIDDEN
    )
    (layer,) = shapes.layers
    assert layer.forward.cell.cycle == layer.backward.cell.cycle == 5
    assert layer.hidden_size == 2 * HIDDEN
    made: Any = Bidirectional(FEATURES, HIDDEN, key=KEY)
    assert np.all(made.forward.cell.input_weight != made.backward.cell.input_weight)
    assert Bidirectional(FEATURES, HIDDEN, cell="exp_unitary", key=KEY).hidden_size == (
        4 * HIDDEN
    )


def test_a_version_of_its_cell_is_one_of_its_own(monkeypatch):
    entry = MODELS["bidirectional"]
    assert entry.version_of({"cell": "gru"}) == "1"
    entries = {**MODELS._entries, "gru": replace(MODELS["gru"], version="2")}
    monkeypatch.setattr(MODELS, "_entries", entries)
    assert entry.version_of({"cell": "gru"}) == "1, gru 2"
    assert entry.version_of({}) == "1"


def test_it_plays_no_task_that_forbids_to_look_ahead():
    contender = Contender("bidirectional")
    answers = Generated(longest=3, start=0, stop=1)
    for signature in (
        Signature(Features(3), Values(2), "every step", causal=True),
        Signature(Features(3), Classes(4), answers),
    ):
        with pytest.raises(CannotPlay, match="its answers use later inputs"):
            contender.for_signature(signature).shapes(signature, HIDDEN)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"cell": "transformer"}, ValueError, "takes no single steps.* elman, "),
        ({"cell": "elmann"}, UnknownName, "did you mean elman"),
        ({"settings": {"start": 1}}, ValueError, "'elman' has no setting 'start'"),
    ],
)
def test_what_is_no_cell_is_refused(settings: Any, error: type, message: str):
    with pytest.raises(error, match=message):
        Bidirectional(FEATURES, HIDDEN, **settings, key=KEY)


def test_each_direction_is_truncated_in_its_own_order():
    """The output at a step feels back to the last cut that its direction read."""
    signature = Signature(Features(3), Classes(4), "every step", causal=False)
    contender = Contender("bidirectional", {"truncation": 4, "embed": "none"})
    model: Any = contender.build(signature, HIDDEN, key=KEY)
    xs = jax.random.normal(jax.random.key(1), (LENGTH, 3))

    def middle(xs, half):
        return jnp.sum(jnp.split(model.hidden(Sequence(xs))[5], 2)[half])

    felt = [jnp.any(jax.grad(middle)(xs, half) != 0, axis=1) for half in range(2)]
    assert [int(place) for place in jnp.flatnonzero(felt[0])] == [4, 5]
    # The second has read 8, 7, 6 and 5 when it comes to 5: its steps 0 to 3.
    assert [int(place) for place in jnp.flatnonzero(felt[1])] == [5, 6, 7, 8]
