"""The liquid state machine: closed forms of its neurons, and reservoirpy's spikes."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import unroll
from tests.models.test_oracles import Oracle

from nnarena.core.frozen import Frozen
from nnarena.core.types import Sequence
from nnarena.models.lsm import LSM, REFRACTORY, THRESHOLD, Liquid, firing_share
from nnarena.nn.spiking import inhibitory_among, places_of, synapses


KEY = jax.random.key(0)
TAU = 30.0


def run(cell: LSM, xs: Any, dts: Any = None) -> Liquid:
    """Returns what the neurons carry after every step."""
    elapsed = None if dts is None else jnp.asarray(dts)
    found = unroll(cell, Sequence(jnp.asarray(xs), elapsed), states=True)
    return jax.tree.map(np.asarray, found.states)


def with_arrays(cell: LSM, **arrays: Any) -> LSM:
    """Returns the cell with other frozen arrays."""
    for name, array in arrays.items():
        frozen = Frozen(jnp.asarray(array))
        cell = eqx.tree_at(lambda c, name=name: getattr(c, name), cell, frozen)
    return cell


def test_below_the_threshold_potentials_decay_exponentially_and_nobody_fires():
    dts = np.random.default_rng(0).uniform(0.1, 3.0, 40).astype(np.float32)
    found = run(LSM(2, 20, key=KEY), np.zeros((40, 2), np.float32), dts)
    start = np.asarray(LSM(2, 20, key=KEY).start.array)
    expected = np.exp(-np.cumsum(dts, dtype=float) / TAU)[:, None] * start[None]
    np.testing.assert_allclose(found.potential, expected, rtol=1e-4)
    assert not found.spikes.any()
    assert not found.trace.any()


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("current", [2.2, 3.0, 10.0])
def test_a_constant_current_makes_it_fire_at_the_interval_of_the_closed_form(current):
    """An interval is tau ln(RI / (RI - theta)) after what is refractory."""
    dt, neurons = 0.01, 10
    cell = with_arrays(
        LSM(1, neurons, strength=0.0, key=KEY),
        input_weight=np.full((1, neurons), current),
    )
    steps = 12_000
    spikes = run(cell, np.ones((steps, 1)), np.full(steps, dt)).spikes
    to_threshold = TAU * math.log(current / (current - THRESHOLD))
    for neuron, refractory in enumerate(cell.refractory.array):
        intervals = dt * np.diff(np.flatnonzero(spikes[:, neuron]))
        assert len(intervals) > 1
        assert np.all(intervals >= float(refractory) + to_threshold - 1e-6)
        assert np.all(intervals <= float(refractory) + to_threshold + 2 * dt)
    assert set(np.asarray(cell.refractory.array)) == set(REFRACTORY)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("case", ["short", "long"])
def test_spikes_are_those_of_reservoirpy(case: str):
    """Its neurons leak 0.1 a step, have no refractory time and tell one step late."""
    oracle, kept = Oracle("lif"), 0.9
    cell = with_arrays(
        LSM(3, 7, tau=-1.0 / math.log(kept), key=KEY),
        input_weight=kept / (1.0 - kept) * oracle["Win"].T,
        recurrent_weight=kept * oracle["W"].T,
        refractory=np.zeros(7),
        start=np.zeros(7),
    )
    found = run(cell, oracle[f"{case}.inputs"]).spikes
    theirs = np.asarray(oracle[f"{case}.spikes"])
    assert theirs.sum() > 4
    assert not theirs[0].any()
    np.testing.assert_array_equal(found[:-1], theirs[1:])


def test_a_trace_counts_spikes_and_forgets_them():
    xs = np.random.default_rng(1).standard_normal((200, 3)).astype(np.float32)
    found = run(LSM(3, 40, trace=10.0, gain=8.0, key=KEY), xs)
    expected = np.zeros(40)
    for spikes, trace in zip(found.spikes, found.trace, strict=True):
        expected = math.exp(-0.1) * expected + spikes
        np.testing.assert_allclose(trace, expected, rtol=1e-4, atol=1e-5)
    assert found.spikes.sum() > 40


@pytest.mark.parametrize(("features", "neurons"), [(1, 135), (5, 135), (3, 400)])
def test_a_twentieth_to_a_third_of_the_neurons_fire_per_window(features, neurons):
    shares = []
    for seed in range(3):
        xs = np.random.default_rng(seed).standard_normal((240, features))
        cell = LSM(features, neurons, key=jax.random.key(seed))
        spikes = run(cell, xs.astype(np.float32)).spikes
        shares.append(np.asarray(firing_share(jnp.asarray(spikes), int(TAU))).mean())
    assert 0.05 < np.mean(shares) < 0.30


def test_the_share_that_fires_is_counted_in_whole_windows():
    spikes = jnp.zeros((7, 4)).at[0, 0].set(1.0).at[2, 0].set(1.0)
    spikes = spikes.at[4, 1].set(1.0).at[5, 2].set(1.0).at[6].set(1.0)
    np.testing.assert_allclose(firing_share(spikes, 3), [0.25, 0.5])


def test_a_fifth_inhibits_neighbors_are_joined_and_nobody_to_itself():
    neurons = 360
    inhibits = np.asarray(inhibitory_among(neurons, 0.2, key=KEY))
    assert inhibits.sum() == 72
    jumps = np.asarray(synapses(jnp.asarray(inhibits), reach=2.0, key=KEY))
    assert not np.diagonal(jumps).any()
    assert (jumps[~inhibits] >= 0.0).all()
    assert (jumps[inhibits] <= 0.0).all()
    places = np.asarray(places_of(neurons))
    gaps = np.linalg.norm(places[:, None] - places[None], axis=-1)
    excitatory = np.outer(~inhibits, ~inhibits)
    for distance in (1.0, 2.0):  # hundreds of pairs each
        pairs = excitatory & (gaps == distance)
        expected, count = 0.3 * math.exp(-(distance**2) / 4.0), pairs.sum()
        spread = math.sqrt(expected * (1.0 - expected) / count)
        assert abs(np.mean(jumps[pairs] != 0.0) - expected) < 4.0 * spread
    assert np.mean(jumps[excitatory & (jumps > 0.0)]) == pytest.approx(3.0, rel=0.25)
