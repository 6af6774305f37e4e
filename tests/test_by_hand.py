"""What is timed as written by hand is the same network as ours."""

import importlib
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.types import Sequence
from nnarena.models.bidirectional import Bidirectional
from nnarena.models.gtrxl import GTrXL
from nnarena.models.sequence import Recurrent
from nnarena.models.urnn import URNN


UNITS, KEY = 8, jax.random.key(0)
XS = jax.random.normal(jax.random.key(1), (3, 12, UNITS))


@pytest.fixture
def by_hand(monkeypatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return lambda name: importlib.import_module("hand.further").further(name, UNITS)


def same(network: Any, weights: dict[str, Any], ours: Any) -> None:
    assert {key: weight.shape for key, weight in weights.items()} == network.shapes
    found = jax.vmap(lambda xs: ours(Sequence(xs)))(XS)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        theirs = network.last(weights, XS)
    np.testing.assert_allclose(theirs, found, rtol=2e-5, atol=2e-6)


def test_both_directions(by_hand):
    layer = Bidirectional(UNITS, UNITS, key=KEY)
    names = {"W": "input_weight", "U": "recurrent_weight", "b": "bias"}
    weights = {
        end + key: getattr(cell, name)
        for end, cell in zip("fb", layer.cells, strict=True)
        for key, name in names.items()
    }
    same(by_hand("bidirectional"), weights, lambda steps: jnp.mean(layer(steps), 0))


def test_seven_unitary_parts(by_hand):
    drawn = jnp.asarray(np.random.default_rng(0).permutation(UNITS))
    cell: Any = eqx.tree_at(
        lambda cell: cell.recurrent_weight.permutation,
        URNN(UNITS, UNITS, key=KEY),
        drawn,
    )
    turn = cell.recurrent_weight
    weights = {
        **{"phases": turn.phases, "real": turn.real, "imag": turn.imag},
        **{"V": cell.input_weight, "b": cell.bias, "start": cell.initial_state},
    }
    same(by_hand("urnn"), weights, lambda steps: Recurrent(cell)(steps)[-1])


def test_gated_blocks(by_hand):
    def moved(leaf):
        """Norms start at 1 and biases at 0, where they could change places."""
        return leaf + 0.3 * jax.random.normal(jax.random.key(leaf.size), leaf.shape)

    layer: Any = GTrXL(UNITS, UNITS, key=KEY)
    parts, rest = eqx.partition(layer, eqx.is_inexact_array)
    layer = eqx.combine(jax.tree.map(moved, parts), rest)
    weights = {
        f"{index}{key}": weight
        for index, block in enumerate(layer.blocks)
        for key, weight in of_block(block).items()
    }
    same(by_hand("gtrxl"), weights, lambda steps: layer(steps)[-1])


def of_block(block: Any) -> dict[str, Any]:
    looks, first, second = block.attention, block.attention_norm, block.feed_norm
    gates = {"a": block.attention_gate, "f": block.feed_gate}
    names = {"x": "of_x", "y": "of_y", "reset": "of_reset", "bias": "bias"}
    return {
        **{"gain": first.weight, "shift": first.bias},
        **{"gain2": second.weight, "shift2": second.bias},
        **{"q": looks.query_weight, "kv": looks.key_value_weight},
        **{"r": looks.position_weight, "out": looks.merge_weight},
        **{"u": looks.content_bias, "v": looks.position_bias},
        **{"up": block.widen.weight.T, "up_bias": block.widen.bias},
        **{"down": block.narrow.weight.T, "down_bias": block.narrow.bias},
        **{p + k: getattr(g, n) for p, g in gates.items() for k, n in names.items()},
    }
