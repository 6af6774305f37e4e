"""The memory layer against scipy's solver; its pairs are held to ncps elsewhere."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import unroll
from tests.memory_layer_equation import solve

from nnarena.core.seeds import key_for
from nnarena.core.types import Sequence
from nnarena.models.contender import Contender, count_parameters
from nnarena.models.memory_layer import MemoryLayer
from nnarena.nn.flip_flops import Control
from nnarena.nn.lattice import adjacency_matrix
from nnarena.nn.parametrization import resolve
from nnarena.tasks.cell import Cell
from nnarena.tasks.files import DataFolder
from nnarena.training.base import fit
from nnarena.training.gradient_descent import GradientDescent


FEATURES, PAIRS, LENGTH = 3, 4, 6
KEY = jax.random.key(0)
VARIANTS: list[dict[str, Any]] = [
    {},
    {"control": "current"},
    {"self_synapse": "inhibitory", "adjacency": "ring"},
    {"adjacency": "grid:2x2", "wiring_seed": 1},
]


def draw_sequence() -> tuple[np.ndarray, np.ndarray]:
    """Returns inputs at irregular times, apart by 0.05 to 1.2."""
    rng = np.random.default_rng(12)
    return rng.standard_normal((LENGTH, FEATURES)), rng.uniform(0.05, 1.2, LENGTH)


@pytest.mark.parametrize("numbers", VARIANTS, ids=str)
def test_more_unfolds_approach_the_solution_at_order_one(numbers: dict[str, Any]):
    away = []
    with jax.enable_x64(True):
        xs, dts = map(jnp.asarray, draw_sequence())
        for unfolds in (64, 128):
            cell: Any = MemoryLayer(
                FEATURES, PAIRS, unfolds=unfolds, key=KEY, **numbers
            )
            exact = solve(cell, *draw_sequence())
            hs = np.asarray(unroll(cell, Sequence(xs, dts)).hs)
            assert hs.dtype == np.float64
            away.append(float(np.max(np.abs(hs - exact)) / np.max(np.abs(exact))))
    assert np.ptp(exact) > 0.3
    assert abs(np.log2(away[0] / away[1]) - 1.0) < 0.1
    assert 1e-6 < away[1] < 1e-2


@pytest.mark.parametrize("control", ["synapse", "current"])
@pytest.mark.parametrize(
    ("adjacency", "read"),
    [("dense", 64), ("sparse", 24), ("ring", 24), ("grid:2x4", 28), ("grid:*x3", 28)],
)
def test_it_has_a_weight_per_edge_and_26_numbers_per_pair(
    adjacency: str, read: int, control: Control
):
    """8 pairs: 2 x 4 places have 10 bonds, and so have 3 rows of 3 without the last."""
    cell = MemoryLayer(5, 8, adjacency=adjacency, fan_in=3, control=control, key=KEY)
    synapses = 3 if control == "synapse" else 2
    assert count_parameters(cell) == 5 * 8 + read + 8 + 2 * 8 * (4 * synapses + 1)


@pytest.mark.parametrize("adjacency", ["dense", "sparse", "ring", "grid:*x3"])
def test_a_pair_feels_itself_and_those_it_reads(adjacency: str):
    cell = MemoryLayer(2, 7, adjacency=adjacency, fan_in=2, key=KEY)
    jacobian = jax.jacobian(_after_one_step)(jnp.full(14, 0.5), cell)
    felt = np.asarray(jacobian)[:, :7] != 0.0
    read = adjacency_matrix(adjacency, 7, fan_in=2, seed=22222).T > 0
    np.testing.assert_array_equal(felt, read | np.eye(7, dtype=bool))


def _after_one_step(state: jax.Array, cell: MemoryLayer) -> jax.Array:
    return resolve(cell)(state, jnp.ones(2), jnp.float32(1.0))[1]


def test_the_wiring_is_that_of_its_seed_whatever_the_run_s():
    def ends(wiring_seed: int, run: int) -> list[int]:
        cell: Any = MemoryLayer(
            2,
            9,
            adjacency="sparse",
            wiring_seed=wiring_seed,
            key=jax.random.key(run),
        )
        return cell.recurrent_weight.source.tolist()

    assert ends(1, 0) == ends(1, 5)
    assert ends(1, 0) != ends(2, 0)


@pytest.mark.parametrize("seed", [0, 1])
def test_over_a_long_sequence_synapses_stay_bounded_and_currents_do_not(seed: int):
    """Why the default departs from the early code."""
    key = jax.random.key(seed)
    xs = jax.random.normal(key, (1_000, 8))
    lasts = {
        control: unroll(
            MemoryLayer(8, 8, control=control, key=key), Sequence(xs, jnp.ones(1_000))
        ).hs
        for control in ("synapse", "current")
    }
    assert float(jnp.max(jnp.abs(lasts["synapse"]))) <= 1.0 + 1e-6
    assert not bool(jnp.isfinite(lasts["current"]).all())


def test_time_matters():
    cell, xs = MemoryLayer(3, 4, key=KEY), jnp.ones((5, 3))
    short, long = (unroll(cell, Sequence(xs, jnp.full(5, dt))).hs for dt in (0.1, 1.0))
    assert float(jnp.max(jnp.abs(short - long))) > 0.05


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"adjacency": "star"}, "adjacency 'star' is none of dense, sparse, ring"),
        ({"adjacency": "grid:3x3"}, "'grid:3x3' has 9 places for 4 units"),
        ({"adjacency": "sparse", "fan_in": 0}, "fan_in must be a whole"),
        ({"unfolds": 0}, "unfolds must be a whole"),
    ],
)
def test_impossible_numbers_are_refused(numbers: dict[str, Any], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        MemoryLayer(3, 4, key=KEY, **numbers)


@pytest.mark.slow
def test_it_learns_which_channel_pulsed_last():
    task = Cell(length=24, rate=0.15)
    contender = Contender("memory_layer", {"unfolds": 2})
    fitted = fit(
        GradientDescent(steps=200, batch=16, checks=2, learning_rate=1e-2),
        partial(_build, contender, task),
        task,
        task.splits(DataFolder(), key=key_for("data", "cell")),
        init_key=jax.random.key(0),
        data_key=jax.random.key(1),
    )
    assert not bool(fitted.diverged)
    assert float(fitted.test_score) < 0.3 * task.scoring.chance


def _build(contender: Contender, task: Cell, key: jax.Array):
    return contender.build(task.signature, 16, key=key)
