"""The closed-form cell: its formula at the ends of time, and what it refuses.

Its answers at other times are held to ncps in `test_oracles.py`.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import unroll

from nnarena.core.types import Sequence
from nnarena.models.cfc import CfC


FEATURES, HIDDEN = 3, 4
KEY = jax.random.key(0)


def one_step(cell: CfC, state: np.ndarray, x: np.ndarray, dt: float) -> np.ndarray:
    """Returns the state after one observation."""
    return np.asarray(cell(jnp.asarray(state), jnp.asarray(x), jnp.float32(dt))[0])


@pytest.mark.parametrize(("slope", "target"), [(2.0, 1), (-2.0, 0)])
def test_a_long_wait_ends_at_one_of_two_targets(slope: float, target: int):
    """The sign of the slope says which, whatever the state was."""
    cell = CfC(FEATURES, HIDDEN, backbone_layers=0, key=KEY)
    weight = cell.head_weight.at[:, 2 * HIDDEN : 3 * HIDDEN].set(0.0)
    bias = cell.head_bias.at[2 * HIDDEN : 3 * HIDDEN].set(slope)
    cell = eqx.tree_at(lambda c: (c.head_weight, c.head_bias), cell, (weight, bias))
    rng = np.random.default_rng(0)
    state, x = (rng.standard_normal(n).astype(np.float32) for n in (HIDDEN, FEATURES))
    both = np.tanh(np.concatenate([x, state]) @ np.asarray(weight)[:, : 2 * HIDDEN])
    expected = np.split(both, 2)[target]
    np.testing.assert_allclose(one_step(cell, state, x, 50.0), expected, atol=1e-6)
    assert np.max(np.abs(one_step(cell, state, x, 0.1) - expected)) > 0.1


def test_the_pure_solution_ends_at_its_amplitude():
    cell = CfC(FEATURES, HIDDEN, mode="pure", key=KEY)
    hs = unroll(cell, Sequence(jnp.ones((5, FEATURES)), jnp.full(5, 100.0))).hs
    np.testing.assert_allclose(hs, np.ones((5, HIDDEN)), atol=1e-6)


def test_the_backbone_is_as_wide_as_the_state_unless_told():
    narrow = CfC(FEATURES, HIDDEN, key=KEY)
    wide = CfC(FEATURES, HIDDEN, backbone_units=9, backbone_layers=2, key=KEY)
    bare = CfC(FEATURES, HIDDEN, backbone_layers=0, key=KEY)
    found = [[w.shape for w in cell.backbone_weights] for cell in (narrow, wide, bare)]
    assert found == [[(7, 4)], [(7, 9), (9, 9)], []]
    assert bare.head_weight.shape == (7, 16)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"backbone_units": 0}, "backbone_units must be a whole"),
        ({"backbone_layers": -1}, "backbone_layers must be a whole"),
    ],
)
def test_impossible_numbers_are_refused(numbers: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words):
        CfC(FEATURES, HIDDEN, key=KEY, **numbers)
