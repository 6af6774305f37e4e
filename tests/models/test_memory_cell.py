"""The memory cell against scipy, the thesis, and its own equation in finer steps."""

import math
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from scipy.integrate import solve_ivp
from tests.compiled import unroll

from nnarena.core.types import Sequence
from nnarena.models.contender import count_parameters
from nnarena.models.memory_cell import FLIP_FLOP, THESIS, MemoryCell
from nnarena.nn.parametrization import resolve
from nnarena.tasks.cell import Cell


KEY = jax.random.key(0)
PRESET: dict[str, Any] = {
    "start": "thesis",
    "steepness": 100.0,
    "solver": "euler",
    "unfolds": 2,
}


def run(cell: MemoryCell, xs: np.ndarray, dts: np.ndarray | None = None) -> np.ndarray:
    """Returns the potentials at every step of sequences, 1 apart if nothing is said."""
    times = np.ones(xs.shape[:2], np.float32) if dts is None else dts
    both = jnp.asarray(xs), jnp.asarray(times)
    return np.asarray(
        jax.jit(jax.vmap(lambda x, dt: unroll(cell, Sequence(x, dt)).hs))(*both)
    )


def refined(cell: MemoryCell, xs: np.ndarray, parts: int) -> np.ndarray:
    """Returns the same with every interval cut into equal parts, the input held."""
    finer = np.repeat(xs, parts, axis=1)
    dts = np.full(finer.shape[:2], 1.0 / parts, np.float32)
    return run(cell, finer, dts)[:, parts - 1 :: parts]


def thesis_sequences() -> tuple[np.ndarray, np.ndarray]:
    """Three blocks of 128 steps, each begun by a pulse, channels in turn."""
    first = [[0, 1, 0], [1, 0, 1]]
    held = np.repeat(np.eye(2, dtype=np.float32)[first], 128, axis=1)
    pulses = np.where(np.arange(384)[:, None] % 128 == 0, held, 0.0)
    return pulses.astype(np.float32), held


def test_the_preset_of_the_thesis_solves_its_task_before_training():
    """5.86e-07, simulated from the equations independently of this code."""
    pulses, held = thesis_sequences()
    error = np.mean((run(MemoryCell(2, 1, **PRESET, key=KEY), pulses) - held) ** 2)
    assert abs(error - 5.86e-07) < 0.02e-07


@pytest.mark.parametrize("substeps", [4, 8, 32])
def test_the_preset_of_the_thesis_fails_in_finer_steps(substeps: int):
    """A pulse switches both neurons on, and both stay on: it is not a flip-flop."""
    pulses, held = thesis_sequences()
    found = refined(MemoryCell(2, 1, **PRESET, key=KEY), pulses, substeps // 2)
    assert abs(np.mean((found - held) ** 2) - 0.209) < 0.0005
    np.testing.assert_allclose(found[:, -1], 0.527, atol=0.005)


def test_a_thesis_pair_has_nine_parameters():
    assert count_parameters(MemoryCell(2, 1, **PRESET, key=KEY)) == 9


@pytest.mark.parametrize(("features", "pairs"), [(3, 1), (6, 3), (4, 5)])
def test_a_map_comes_before_pairs_unless_inputs_are_as_many_as_neurons(
    features: int, pairs: int
):
    cell = MemoryCell(features, pairs, key=KEY)
    mapped = 0 if features == 2 * pairs else features * 2 * pairs
    assert count_parameters(cell) == 9 * pairs + mapped
    assert cell.hidden_size == 2 * pairs


def flow(numbers: dict[str, float], steepness: float, u: np.ndarray):
    """Returns the thesis's equations of one pair, written out, of time and state."""

    def opened(potential: float, center: float) -> float:
        return 1.0 / (1.0 + math.exp(-steepness * (potential - center)))

    def neuron(v: float, other: float, u: float) -> float:
        n = numbers
        rate = n["drive"] * opened(u, 0.5) * (n["drive_reversal"] - v)
        rate += n["inhibition"] * opened(other, n["inhibition_center"]) * (0.0 - v)
        recurrent = n["recurrence"] * opened(v, n["recurrence_center"])
        rate += recurrent * (n["recurrence_reversal"] - v)
        return n["tau"] * (rate + n["leak"] * (0.0 - v))

    return lambda _, v: [neuron(v[0], v[1], u[0]), neuron(v[1], v[0], u[1])]


@pytest.mark.parametrize(
    ("start", "numbers"), [("flip_flop", FLIP_FLOP), ("thesis", THESIS)]
)
@pytest.mark.parametrize(("solver", "unfolds"), [("tsit5", 8), ("rk4", 4)])
def test_potentials_are_those_of_scipy(
    start: Any, numbers: dict[str, float], solver: Any, unfolds: int
):
    """Two pairs alike, at uneven times, to each its own inputs."""
    rng = np.random.default_rng(1)
    xs = rng.uniform(0.2, 1.0, (1, 5, 4)).astype(np.float32)
    dts = rng.uniform(0.01, 0.5, (1, 5)).astype(np.float32)
    parts = 1 if solver == "tsit5" else 40  # explicit steps at rates of 200
    exact: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-7} if solver == "tsit5" else {}
    cell = MemoryCell(
        4, 2, start=start, solver=solver, unfolds=unfolds, **exact, key=KEY
    )
    finer = np.repeat(xs, parts, axis=1), np.repeat(dts / parts, parts, axis=1)
    found = run(cell, *finer)[0, parts - 1 :: parts]
    for pair in (0, 1):
        v = np.array([0.0, 1.0])
        for step in range(5):
            u = xs[0, step, [pair, 2 + pair]].astype(float)
            solution = solve_ivp(
                flow(numbers, 20.0, u),
                (0.0, float(dts[0, step])),
                v,
                method="LSODA",
                rtol=1e-9,
                atol=1e-11,
            )
            v = solution.y[:, -1]
            np.testing.assert_allclose(
                found[step, [pair, 2 + pair]], v, rtol=0, atol=2e-5
            )


@pytest.fixture(scope="module")
def trains() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random pulses at random gaps, which bit they leave, and how long ago."""
    keys = jax.random.split(jax.random.key(8), 12)
    examples = jax.jit(jax.vmap(Cell(length=200, rate=0.08).example))(keys)
    xs = np.asarray(examples.question.xs)
    pulsed = xs.any(axis=-1)
    last = np.maximum.accumulate(np.where(pulsed, np.arange(200), -1), axis=1)
    bits = np.where(examples.counts, np.asarray(examples.targets)[..., 1], 1.0)
    age = np.arange(200) - np.where(last < 0, -9, last)
    return xs, bits, age


FINE: dict[str, Any] = {"solver": "tsit5", "unfolds": 8, "rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def fine(trains: Any) -> np.ndarray:
    """What the equation itself holds, by an adaptive solver."""
    return run(MemoryCell(2, 1, **FINE, key=KEY), trains[0])


@pytest.mark.parametrize(
    ("unfolds", "parts", "always", "quiet", "then"),
    [
        (1, 1, 1.1, 15, 1e-3),
        (2, 1, 0.4, 5, 2e-3),
        (4, 1, 0.15, 5, 5e-4),
        (4, 8, 3e-3, 5, 1e-4),
    ],
)
def test_any_number_of_steps_stores_the_same_bits(
    unfolds: int,
    parts: int,
    always: float,
    quiet: int,
    then: float,
    trains: Any,
    fine: np.ndarray,
):
    """Potentials part while they switch, by what the steps resolve, and meet again.

    They are within `always` of the equation's, and within `then` once no pulse has
    come for some steps. One step per observation sees a pulse's effect on the other
    neuron one observation late, and takes ten to settle; its bits are right.
    """
    xs, bits, age = trains
    found = refined(MemoryCell(2, 1, unfolds=unfolds, key=KEY), xs, parts)
    np.testing.assert_array_equal(found[..., 1] > found[..., 0], bits > 0.5)
    np.testing.assert_array_equal(fine[..., 1] > fine[..., 0], bits > 0.5)
    away = np.abs(found - fine).max(axis=-1)
    assert away.max() < always
    assert away[age >= quiet].max() < then


def test_the_default_solves_the_task_untrained(trains: Any):
    xs, bits, _ = trains
    targets = np.stack([1.0 - bits, bits], axis=-1)
    error = np.mean((run(MemoryCell(2, 1, key=KEY), xs) - targets) ** 2)
    assert error < Cell().scoring.solved / 5


def settle(cell: MemoryCell, v: jax.Array, steps: int) -> np.ndarray:
    """Returns potentials after some time units without a pulse."""
    ready = resolve(cell)

    def step(_, v):
        return ready(v, jnp.zeros(2), jnp.float32(1.0))[0]

    alone = partial(jax.lax.fori_loop, 0, steps, step)
    return np.asarray(jax.jit(jax.vmap(alone))(v))


def conditions(n: dict[str, float]) -> list[bool]:
    """Whether a neuron stays on, two do not, and a pulse wins over inhibition."""
    recurrence = n["recurrence"] * n["recurrence_reversal"]
    on = recurrence / (n["recurrence"] + n["leak"])
    both_on = recurrence / (n["recurrence"] + n["inhibition"] + n["leak"])
    pulsed = n["drive"] * n["drive_reversal"]
    pulsed /= n["drive"] + n["inhibition"] + n["leak"]
    higher = max(n["recurrence_center"], n["inhibition_center"])
    return [on > higher, both_on < n["recurrence_center"], pulsed > higher]


def test_the_default_meets_the_conditions_that_the_thesis_breaks():
    assert conditions(FLIP_FLOP) == [True, True, True]
    assert conditions(THESIS) == [True, False, False]


def test_the_default_has_one_resting_state_per_bit_and_no_other():
    """Wherever it is let go, the neuron of the larger potential ends up on."""
    starts = jax.random.uniform(KEY, (500, 2), maxval=1.3)
    starts = jnp.concatenate([starts, jnp.asarray([[0.0, 0.01], [1.01, 1.0]])])
    ends = settle(MemoryCell(2, 1, key=KEY), starts, 60)
    larger = np.argmax(np.asarray(starts), axis=1)
    np.testing.assert_allclose(ends, np.eye(2)[larger], rtol=0, atol=5e-3)


def test_a_bit_is_held_over_20_000_steps():
    cell = MemoryCell(2, 1, key=KEY)
    near = settle(cell, jnp.asarray([[0.0, 1.0], [1.0, 0.0]]), 50)
    far = settle(cell, jnp.asarray(near), 20_000)
    np.testing.assert_allclose(far, near, rtol=0, atol=1e-6)


def test_elapsed_time_counts():
    """A pulse of a thousandth is none; one ten times as long is."""
    cell = MemoryCell(2, 1, key=KEY)
    pulse = np.zeros((1, 3, 2), np.float32)
    pulse[0, 0, 0] = 1.0
    for held, bit in ((0.0, 1), (1e-4, 1), (1.0, 0)):
        dts = np.array([[held, 5.0, 5.0]], np.float32)
        assert int(np.argmax(run(cell, pulse, dts)[0, -1])) == bit


def test_two_halves_of_an_interval_are_twice_the_steps(trains: Any):
    xs = trains[0][:2, :50]
    whole = run(MemoryCell(2, 1, unfolds=8, key=KEY), xs)
    halves = refined(MemoryCell(2, 1, unfolds=4, key=KEY), xs, 2)
    np.testing.assert_allclose(halves, whole, rtol=0, atol=1e-5)


def test_gradients_through_adaptive_steps_are_those_of_fine_ones():
    """To the solver's own tolerance, 1e-5 of gradients of up to 0.86."""
    xs = np.zeros((4, 2), np.float32)
    xs[1, 0] = xs[3, 1] = 0.5
    finer = jnp.repeat(jnp.asarray(xs), 16, axis=0)

    def loss(cell, inputs, dt):
        hs = unroll(cell, Sequence(inputs, jnp.full(len(inputs), dt))).hs
        return jnp.sum(jnp.sin(hs[-1]))

    grad = eqx.filter_jit(eqx.filter_grad(loss))
    adaptive = MemoryCell(2, 1, **FINE, steepness=5.0, key=KEY)
    steps = MemoryCell(2, 1, solver="rk4", unfolds=1, steepness=5.0, key=KEY)
    found, fine = grad(adaptive, jnp.asarray(xs), 0.3), grad(steps, finer, 0.3 / 16)
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(fine), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0.01, atol=5e-5)


def test_random_starts_differ_by_pair_and_lie_in_their_ranges():
    cell: Any = resolve(MemoryCell(2, 400, start="random", key=KEY))
    for name, low, high in (
        ("tau", 0.5, 2.0),
        ("inhibition", 0.1, 10.0),
        ("recurrence_center", 0.0, 1.0),
        ("drive_reversal", 0.5, 2.0),
    ):
        numbers = np.asarray(getattr(cell, name))
        assert low <= numbers.min() * 1.001
        assert numbers.max() <= high * 1.001
        assert len(np.unique(numbers)) > 390
    median = float(np.median(np.asarray(cell.inhibition)))
    assert 0.7 < median < 1.4  # log-uniform


def test_positive_numbers_start_where_they_are_said_to():
    cell: Any = resolve(MemoryCell(2, 1, key=KEY))
    for name, number in FLIP_FLOP.items():
        np.testing.assert_allclose(getattr(cell, name), number, rtol=1e-5)


def test_bad_numbers_are_refused():
    wrong: Any = "zero"
    with pytest.raises(ValueError, match="steepness must be a number above 0"):
        MemoryCell(2, 1, steepness=0.0, key=KEY)
    with pytest.raises((ValueError, TypeCheckError), match=r"flip_flop.*random"):
        MemoryCell(2, 1, start=wrong, key=KEY)
