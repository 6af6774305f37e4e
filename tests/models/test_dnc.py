"""The DNC against the package `dnc` on torch; `test_external_memory.py` has its laws.

`record_memory.py` in `tests/oracles` says how the package is driven.
"""

import math
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array
from safetensors.numpy import load_file
from tests.copying import learn_to_copy

from nnarena.models.contender import Contender, count_parameters
from nnarena.models.dnc import DNC
from nnarena.nn import external_memory
from nnarena.nn.external_memory import Memory


FEATURES, HIDDEN, WORD, HEADS = 3, 6, 4, 2
KEY = jax.random.key(0)
THESIS: dict[str, Any] = {"strength": "thesis", "start": 1e-6}
ORACLE = load_file(Path(__file__).parents[1] / "oracles" / "dnc.safetensors")
SIZES = {  # of the parts of the interface, in the paper's order
    "keys": HEADS * WORD,
    "strengths": HEADS,
    "key": WORD,
    "strength": 1,
    "erase": WORD,
    "write": WORD,
    "free": HEADS,
    "allocate": 1,
    "gate": 1,
    "modes": 3 * HEADS,
}
OURS = [
    "keys",
    "key",
    "strengths",
    "strength",
    "erase",
    "free",
    "allocate",
    "gate",
    "write",
    "modes",
]


def in_our_order(paper: np.ndarray) -> np.ndarray:
    """Returns rows of the interface, given in the paper's order, in ours."""
    cuts = np.cumsum(list(SIZES.values()))[:-1]
    parts = dict(zip(SIZES, np.split(paper, cuts), strict=True))
    return np.concatenate([parts[name] for name in OURS])


def arrays(cell: Any) -> list[Array]:
    """Returns the weights of our cell, of its controller's one bias too."""
    own = cell.controller
    interface = [cell.interface_weight, cell.interface_bias]
    return [own.input_weight, own.recurrent_weight, own.bias, *interface]


def recorded(prefix: str) -> list[np.ndarray]:
    """Returns torch's numbers, or their gradients, as ours stand."""
    of = {
        name: ORACLE[f"{prefix}.{part}.{name}"]
        for part, names in (
            ("controller", ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
            ("interface", ("weight", "bias")),
        )
        for name in names
    }
    bias = of["bias_ih"] + of["bias_hh"]
    return [
        of["weight_ih"].T,
        of["weight_hh"].T,
        # The gradient of each of torch's two biases is that of our one.
        bias / 2.0 if "gradient" in prefix else bias,
        in_our_order(of["weight"]).T,
        in_our_order(of["bias"]),
    ]


def recorded_memory(prefix: str) -> Memory:
    """Returns the memory of the package; its single write head is an axis there."""
    names = {
        "words": "memory",
        "usage": "usage_vector",
        "precedence": "precedence",
        "link": "link_matrix",
        "writing": "write_weights",
        "reading": "read_weights",
    }
    parts = {ours: ORACLE[f"{prefix}.{theirs}"] for ours, theirs in names.items()}
    for one_head in ("precedence", "link", "writing"):
        parts[one_head] = parts[one_head][0]
    return Memory(**{name: jnp.asarray(part) for name, part in parts.items()})


def recorded_cell() -> DNC:
    """Returns our cell with the weights of the oracle."""
    slots = ORACLE["start.memory"].shape[0]
    cell = DNC(FEATURES, HIDDEN, slots=slots, word_size=WORD, read_heads=HEADS, key=KEY)
    values = recorded("weight")
    assert [a.shape for a in arrays(cell)] == [value.shape for value in values]
    return eqx.tree_at(arrays, cell, [jnp.asarray(value) for value in values])


@pytest.fixture
def nothing_is_added(monkeypatch):
    """Divides by lengths as they are, as the recorded package does."""
    monkeypatch.setattr(external_memory, "EPSILON", 0.0)


@eqx.filter_jit
def run(cell: DNC, xs: Array) -> tuple[Memory, Array]:
    """Returns the memory at the end, and all outputs, from the recorded memory on."""
    controller, _, reads = cell.init_state()

    def step(state, x):
        return cell(state, x, jnp.ones_like(x[0]))

    start = controller, recorded_memory("start"), reads
    (_, memory, _), hs = jax.lax.scan(step, start, xs)
    return memory, hs


@pytest.mark.usefixtures("double_precision", "nothing_is_added")
@pytest.mark.parametrize("case", ["short", "long"])
def test_outputs_and_memory_are_those_of_the_package(case: str):
    memory, hs = run(recorded_cell(), jnp.asarray(ORACLE[f"{case}.inputs"]))
    expected = ORACLE[f"{case}.outputs"]
    assert np.ptp(expected[:, HIDDEN:]) > 0.5  # something was read
    np.testing.assert_allclose(hs, expected, rtol=0, atol=1e-11)
    end = recorded_memory(f"{case}.end")
    for found, part in zip(jax.tree.leaves(memory), jax.tree.leaves(end), strict=True):
        np.testing.assert_allclose(found, part, rtol=0, atol=1e-11)


@pytest.mark.usefixtures("double_precision", "nothing_is_added")
@pytest.mark.parametrize("case", ["short", "long"])
def test_gradients_are_those_of_the_package(case: str):
    xs, probe = (jnp.asarray(ORACLE[f"{case}.{part}"]) for part in ("inputs", "probe"))

    def loss(cell_and_inputs):
        return jnp.sum(probe * run(*cell_and_inputs)[1])

    of_cell, of_inputs = eqx.filter_grad(loss)((recorded_cell(), xs))
    expected = [*recorded(f"{case}.gradient"), ORACLE[f"{case}.gradient.inputs"]]
    for found, gradient in zip([*arrays(of_cell), of_inputs], expected, strict=True):
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(found / scale, gradient / scale, rtol=0, atol=1e-11)


def test_more_slots_cost_no_weights():
    small, large = (
        eqx.filter_eval_shape(lambda slots=slots: DNC(3, 8, slots=slots, key=KEY))
        for slots in (4, 64)
    )
    assert count_parameters(small) == count_parameters(large)


def test_strengths_are_those_of_the_paper_or_of_the_thesis():
    """Of a raw 0: 1 + ln 2, and the softplus of that."""
    once = 1.0 + math.log(2.0)
    found = {}
    for strength in ("oneplus", "thesis"):
        cell = DNC(3, 8, strength=strength, key=KEY)
        found[strength] = cell.request(jnp.zeros(8)).strengths
    np.testing.assert_allclose(found["oneplus"], once, rtol=1e-6)
    twice = math.log1p(math.exp(once))
    np.testing.assert_allclose(found["thesis"], twice, rtol=1e-6)


def test_it_starts_from_nothing_or_as_in_the_thesis():
    controller, memory, reads = DNC(3, 8, key=KEY).init_state()
    assert all(
        not np.any(leaf) for leaf in jax.tree.leaves((controller, memory, reads))
    )
    controller, memory, reads = DNC(3, 8, **THESIS, key=KEY).init_state()
    for part in (memory.words, memory.writing, memory.reading, reads):
        np.testing.assert_array_equal(part, np.float32(1e-6))
    rest = controller, memory.usage, memory.precedence, memory.link
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(rest))


@pytest.mark.parametrize(("clip", "expected"), [(0.25, 0.25), (20.0, 5.0), (None, 5.0)])
def test_the_controller_is_clipped(clip: float | None, expected: float):
    """All gates open by a large bias: c becomes 4 + 1, h its tanh."""
    cell = DNC(3, 8, clip=clip, key=KEY)
    cell = eqx.tree_at(lambda c: c.controller.bias, cell, jnp.full(32, 50.0))
    (h, _), memory, reads = cell.init_state()
    state = (h, jnp.full(8, 4.0)), memory, reads
    ((h, c), *_), output = eqx.filter_jit(cell)(state, jnp.zeros(3), jnp.float32(1.0))
    np.testing.assert_allclose(c, expected, rtol=1e-6)
    shown = min(math.tanh(5.0), 20.0 if clip is None else clip)
    np.testing.assert_allclose(h, shown, rtol=1e-6)
    np.testing.assert_array_equal(output[:8], h)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"slots": 0}, "slots must be a whole number of at least 1"),
        ({"clip": 0.0}, "clip must be a number above 0 or null"),
    ],
)
def test_bad_numbers_are_refused(numbers: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words):
        DNC(3, 8, **numbers, key=KEY)


@pytest.mark.slow
def test_it_learns_to_say_a_list_again():
    """Who does not remember has 0.25."""
    numbers = {"slots": 6, "word_size": 6, "read_heads": 1}
    fitted = learn_to_copy(
        Contender("dnc", numbers), width=24, words=3, steps=400, rate=0.01
    )
    assert float(fitted.test_score) < 0.05
