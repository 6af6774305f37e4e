"""The liquid state machine."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.frozen import Frozen
from ..core.numbers import AboveZero, NotNegative, Share, UpToOne, held
from ..core.types import Key, Scalar, Sequence
from ..nn.spiking import inhibitory_among, synapses
from ..nn.unroll import unroll
from . import MODELS
from .base import AbstractCalibrated


THRESHOLD = 1.5
"""mV above the rest at which a neuron fires: 15 mV, and 13.5 at the background."""

REFRACTORY = (3.0, 2.0)
"""For how long after a spike excitatory and inhibitory neurons do nothing."""


GAIN, RATE = 5.0, 0.15
"""Where the search for a gain begins, and the share of neurons that it aims at: in the
middle of the 5 to 30 % of which readouts are known to gain."""

OCTAVES = 20.0
"""How far from where it begins the gain may lie, in either direction."""

HALVINGS = 12
"""They leave a hundredth of an octave."""


class Liquid(NamedTuple):
    """What neurons carry: mV above rest, time still refractory, spikes, traces."""

    potential: Float[Array, " hidden"]
    refractory: Float[Array, " hidden"]
    spikes: Float[Array, " hidden"]
    trace: Float[Array, " hidden"]


@MODELS.register(
    "lsm",
    family="reservoir",
    source="maass2002real",
    trainer="ridge",
    frame={"embed": "none"},
    former={"gain": 5.0},
)
class LSM(AbstractCalibrated):
    r"""A column of leaky integrate-and-fire neurons that stays as it starts.

    $$\begin{aligned}
    v_t &= e^{-a/\tau} v_{t-1} + (1 - e^{-a/\tau})\, x_t W + s_{t-1} U \\
    s_t &= [v_t \ge \theta], \quad v_t \leftarrow 0 \text{ where } s_t = 1 \\
    h_t &= e^{-dt/\tau_f} h_{t-1} + s_t
    \end{aligned}$$

    $v$ is the membrane's potential above its rest in mV, $a$ the part of the elapsed
    time in which a neuron is not refractory: for 3 after a spike, for 2 if it inhibits.
    Inputs are currents, held for the elapsed time and put in as they are, a token as 1
    in its place among zeros. A spike moves whom it reaches at the next step that finds
    them not refractory; `trace` is the time constant $\tau_f$ of what the readout
    sees. One unit of elapsed time, in the arena a step, stands for 1 ms of the paper.

    Neurons stand on a grid 3 by 3 wide. A share `inhibitory` inhibits; two neurons are
    joined with a chance of 0.1 to 0.4, by their kinds, times exp(-(distance /
    `reach`)^2). Sizes of $U$ are exponential around the paper's means times `strength`.
    $W$ is normal with a standard deviation of a gain over the root of the features.

    A run sets the gain by its task: so high that within `trace`, on questions of the
    validation split, a share `rate` of the neurons fires, 0.15 if it is not given. Its
    record has the share that was reached as `firing_share`, and as `ever_firing_share`
    the share of the neurons that fire at all on these questions. It may miss the rate
    where inputs are all zero, or where spikes set each other off. With `gain` the gain
    is what is given, and the share what it comes to.

    Departs from the paper in synapses that are static, where those there tire and
    recover: hence a `strength` below 1, as spikes would else set each other off without
    end. Currents of synapses arrive at once, with a delay of one step for all, and the
    noise of the background is left out. No gradient passes a spike. Potentials start
    uniformly distributed below the threshold. Made for `ridge`.
    """

    input_weight: Frozen
    recurrent_weight: Frozen
    refractory: Frozen
    start: Frozen
    rate: float | None = eqx.field(static=True)
    tau: float = eqx.field(static=True)
    trace: float = eqx.field(static=True)
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        rate: UpToOne | None = None,
        gain: AboveZero | None = None,
        strength: NotNegative = 0.15,
        tau: AboveZero = 30.0,
        trace: AboveZero = 30.0,
        inhibitory: Share = 0.2,
        reach: AboveZero = 2.0,
        key: Key,
    ):
        if rate is not None and gain is not None:
            raise ValueError(
                f"the gain that makes a share of {rate} fire is searched for, but gain "
                f"is {gain}: give rate or gain"
            )
        self.rate = (RATE if rate is None else rate) if gain is None else None
        kind_key, input_key, synapse_key, start_key = jax.random.split(key, 4)
        inhibits = inhibitory_among(hidden, inhibitory, key=kind_key)
        drawn = jax.random.normal(input_key, (features, hidden))
        scale = GAIN if gain is None else gain
        self.input_weight = Frozen(scale / math.sqrt(features) * drawn)
        self.recurrent_weight = Frozen(
            strength * synapses(inhibits, reach=reach, key=synapse_key)
        )
        self.refractory = Frozen(jnp.where(inhibits, *REFRACTORY[::-1]))
        self.start = Frozen(jax.random.uniform(start_key, (hidden,), maxval=THRESHOLD))
        self.tau, self.trace, self.hidden_size = tau, trace, hidden

    def init_state(self):
        ready: Any = self  # once resolved, what is frozen is plain arrays
        silent = jnp.zeros(self.hidden_size)
        return Liquid(ready.start, silent, silent, silent)

    def __call__(self, state, x, dt):
        ready: Any = self
        active = jnp.maximum(dt - state.refractory, 0.0)
        kept = jnp.exp(-active / self.tau)
        arriving = jnp.where(active > 0.0, state.spikes @ ready.recurrent_weight, 0.0)
        v = kept * state.potential + (1.0 - kept) * (x @ ready.input_weight) + arriving
        spikes = (v >= THRESHOLD).astype(v.dtype)
        over = jnp.maximum(state.refractory - dt, 0.0)
        left = Liquid(
            potential=(1.0 - spikes) * v,
            refractory=jnp.where(spikes > 0.0, ready.refractory, over),
            spikes=spikes,
            trace=jnp.exp(-dt / self.trace) * state.trace + spikes,
        )
        return left, left.trace

    def calibrated(self, inputs):
        rate = self.rate
        if rate is None:
            return self

        def halved(index, bounds):
            low, high = bounds
            middle = (low + high) / 2.0
            silent = self._louder(middle)._share(inputs) < rate
            return jnp.where(silent, middle, low), jnp.where(silent, high, middle)

        bounds = jnp.asarray(-OCTAVES), jnp.asarray(OCTAVES)
        low, high = jax.lax.fori_loop(0, HALVINGS, halved, bounds)
        return self._louder((low + high) / 2.0)

    def figures(self, inputs):
        spikes = self._spikes(inputs)
        ever = jnp.any(spikes > 0.0, axis=(0, 1))
        return {
            "firing_share": self._share(inputs),
            "ever_firing_share": jnp.mean(ever.astype(spikes.dtype)),
        }

    def _louder(self, octaves: Scalar) -> "LSM":
        """Returns the same neurons with so many octaves more gain."""
        louder = Frozen(2.0**octaves * self.input_weight.value())
        return eqx.tree_at(lambda cell: cell.input_weight, self, louder)

    def _share(self, inputs: Sequence) -> Scalar:
        """Returns the share that fires, the mean over examples."""

        def one(sequence: Sequence, spikes: Array) -> Scalar:
            return firing_share(spikes, sequence, self.trace)

        return jnp.mean(jax.vmap(one)(inputs, self._spikes(inputs)))

    def _spikes(self, inputs: Sequence) -> Float[Array, "examples time hidden"]:
        def one(sequence: Sequence) -> Array:
            states: Any = unroll(self, sequence, states=True).states
            there = jnp.arange(sequence.length) <= sequence.last
            return jnp.where(there[:, None], states.spikes, 0.0)

        return jax.vmap(one)(inputs)


def firing_share(
    spikes: Float[Array, "time hidden"], sequence: Sequence, window: float
) -> Scalar:
    """Returns the share of neurons that fire within a window of elapsed time.

    It is the mean over all windows that end at a step, and as many units of time after
    the first: over the last one alone, the whole, in a sequence that is shorter. The
    spikes are those of a model's trace: `model.trace(sequence).states[0].spikes`.
    """
    ts = jnp.cumsum(sequence.dts) - sequence.dts[0]
    at = jnp.where(spikes > 0.0, ts[:, None], -jnp.inf)
    fired = ts[:, None] - jax.lax.cummax(at, axis=0) < window
    there = jnp.arange(sequence.length) <= sequence.last
    whole = ts[sequence.last] + sequence.dts[0]
    full = there & (ts + sequence.dts[0] >= jnp.minimum(window, whole))
    return jnp.mean(jnp.mean(fired, axis=1), where=full)
