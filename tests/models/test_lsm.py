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

import nnarena
from nnarena.core.frozen import Frozen
from nnarena.core.types import Example, Features, Sequence, Signature, Values
from nnarena.models.bidirectional import Bidirectional
from nnarena.models.calibration import calibrating
from nnarena.models.lsm import LSM, REFRACTORY, THRESHOLD, Liquid, firing_share
from nnarena.models.sequence import SequenceModel
from nnarena.nn.spiking import inhibitory_among, places_of, synapses
from nnarena.runs.store import open_store


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


def asked(kind: str, examples: int = 16, features: int = 3) -> Sequence:
    """Returns inputs of some kind, with their axis of examples."""
    drawn = np.random.default_rng(0).standard_normal((examples, 90, features))
    xs, dts = drawn.astype(np.float32), np.ones((examples, 90), np.float32)
    if kind == "large with a mean":
        xs = 40.0 + 10.0 * xs
    if kind == "tiny":
        xs = 1e-4 * xs
    if kind == "tokens":
        xs = np.eye(60, dtype=np.float32)[
            np.random.default_rng(1).integers(60, size=dts.shape)
        ]
    if kind == "irregular":
        dts = np.random.default_rng(2).uniform(0.2, 4.0, dts.shape).astype(np.float32)
    present = np.arange(90) < 45 if kind == "padded" else np.ones(90, bool)
    return jax.vmap(Sequence)(
        *map(jnp.asarray, (xs, dts, np.broadcast_to(present, dts.shape)))
    )


@pytest.mark.parametrize(
    "kind", ["normal", "large with a mean", "tiny", "tokens", "irregular", "padded"]
)
def test_the_gain_is_set_so_that_the_asked_share_of_neurons_fires(kind):
    inputs = asked(kind)
    cell = LSM(inputs.xs.shape[-1], 60, rate=0.2, key=KEY)
    tuned = eqx.filter_jit(lambda cell, inputs: cell.calibrated(inputs))(cell, inputs)
    told = eqx.filter_jit(lambda cell, inputs: cell.figures(inputs))(tuned, inputs)
    assert float(told["firing_share"]) == pytest.approx(0.2, abs=0.02)
    before, after = (np.asarray(c.input_weight.array) for c in (cell, tuned))
    np.testing.assert_allclose(after / before, (after / before)[0, 0], rtol=1e-5)


def test_each_direction_is_tuned_to_the_steps_as_it_reads_them():
    """Inputs fade, so that the second direction hears little of what the first does."""
    fading = asked("normal")
    fading = eqx.tree_at(
        lambda s: s.xs, fading, fading.xs * 0.9 ** jnp.arange(90.0)[None, :, None]
    )
    layer = Bidirectional(3, 60, cell="lsm", settings={"rate": 0.2}, key=KEY)
    signature = Signature(Features(3), Values(1))

    def make(key):
        del key
        return SequenceModel(signature, (layer,), embed=None, head=None)

    examples = [
        Example(jax.tree.map(lambda leaf, i=i: leaf[i], fading), jnp.zeros(1))
        for i in range(16)
    ]
    built: Any = eqx.filter_jit(lambda: calibrating(make, examples)(KEY))()
    (tuned,) = built.layers
    for cell, reading in zip(
        tuned.cells, jax.vmap(tuned.readings)(fading), strict=True
    ):
        told = eqx.filter_jit(lambda cell, inputs: cell.figures(inputs))(cell, reading)
        assert float(told["firing_share"]) == pytest.approx(0.2, abs=0.02)


def test_neurons_that_never_fire_are_told():
    cell = with_arrays(
        LSM(1, 4, strength=0.0, gain=1.0, key=KEY),
        input_weight=np.array([[0.0, 100.0, 100.0, 0.0]]),
    )
    told = cell.figures(jax.vmap(Sequence)(jnp.ones((2, 10, 1))))
    assert float(told["ever_firing_share"]) == 0.5


def test_a_given_gain_stays_and_a_rate_beside_it_is_refused():
    given = LSM(3, 20, gain=2.0, key=KEY)
    assert given.calibrated(asked("normal")) is given
    with pytest.raises(ValueError, match="give rate or gain"):
        LSM(3, 20, gain=2.0, rate=0.1, key=KEY)


def test_without_any_input_the_search_ends_and_says_that_nobody_fires():
    silent = jax.tree.map(jnp.zeros_like, asked("normal"))
    silent = eqx.tree_at(lambda s: s.dts, silent, jnp.ones_like(silent.dts))
    silent = eqx.tree_at(lambda s: s.present, silent, jnp.ones_like(silent.present))
    tuned = LSM(3, 20, key=KEY).calibrated(silent)
    assert float(tuned.figures(silent)["firing_share"]) == 0.0
    assert np.isfinite(np.asarray(tuned.input_weight.array)).all()


def test_the_share_that_fires_counts_windows_of_elapsed_time():
    """Two neurons, a window of 3: one spikes at 0, the other from 5 to 6."""
    spikes = jnp.zeros((7, 2)).at[0, 0].set(1.0).at[5:, 1].set(1.0)
    # Windows end at 2, 3, 4, 5 and 6 and hold 1, 0, 0, 1 and 1 of the two.
    regular = Sequence(jnp.zeros((7, 1)))
    assert float(firing_share(spikes, regular, 3.0)) == pytest.approx(3 / 10)
    # Padded after 4: windows at 2 and 3, of which the first holds one.
    padded = Sequence(jnp.zeros((7, 1)), None, jnp.arange(7) < 4)
    assert float(firing_share(spikes, padded, 3.0)) == pytest.approx(1 / 4)
    # Shorter than the window: the whole of it.
    assert float(firing_share(spikes[:2], Sequence(jnp.zeros((2, 1))), 3.0)) == 0.5
    # Steps 3 apart: each fills a window of its own.
    slow = Sequence(jnp.zeros((7, 1)), jnp.full(7, 3.0))
    assert float(firing_share(spikes, slow, 3.0)) == pytest.approx(3 / 14)


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


@pytest.mark.parametrize("trainer", ["ridge", "gradient_descent"])
def test_a_run_tunes_it_by_every_trainer_and_records_what_fires(trainer, tmp_path):
    liquid = {"name": "lsm", "trainer": trainer, "rate": 0.25, "width": 40}
    settings: dict[str, Any] = {"steps": 4, "batch": 8, "checks": 2}
    nnarena.run(
        ["gru", liquid], ["add(length=40)"], seeds=2, results=tmp_path, **settings
    )
    told = {
        (r.identity.model.name, r.identity.seed): r.result.figures
        for r in open_store(tmp_path)
    }
    assert told["gru", 0] == told["gru", 1] == {}
    shares = [told["lsm", seed]["firing_share"] for seed in (0, 1)]
    assert shares == pytest.approx([0.25, 0.25], abs=0.03)
    assert shares[0] != shares[1]
