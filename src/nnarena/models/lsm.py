"""The liquid state machine."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.frozen import Frozen
from ..core.numbers import AboveZero, NotNegative, Share, held
from ..core.types import Key
from ..nn.spiking import inhibitory_among, synapses
from . import MODELS
from .base import AbstractCell


THRESHOLD = 1.5
"""mV above the rest at which a neuron fires: 15 mV, and 13.5 at the background."""

REFRACTORY = (3.0, 2.0)
"""For how long after a spike excitatory and inhibitory neurons do nothing."""


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
)
class LSM(AbstractCell):
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
    $W$ is normal with a standard deviation of `gain` over the root of the features:
    from features of mean 0 and variance 1, by the other defaults, 5 to 30 % of the
    neurons fire within 30 steps. More fire where inputs have a mean, fewer where they
    are tokens of many; `firing_share` says how many, and `gain` is to be set by it.

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
    tau: float = eqx.field(static=True)
    trace: float = eqx.field(static=True)
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        gain: AboveZero = 5.0,
        strength: NotNegative = 0.15,
        tau: AboveZero = 30.0,
        trace: AboveZero = 30.0,
        inhibitory: Share = 0.2,
        reach: AboveZero = 2.0,
        key: Key,
    ):
        kind_key, input_key, synapse_key, start_key = jax.random.split(key, 4)
        inhibits = inhibitory_among(hidden, inhibitory, key=kind_key)
        drawn = jax.random.normal(input_key, (features, hidden))
        self.input_weight = Frozen(gain / math.sqrt(features) * drawn)
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


def firing_share(
    spikes: Float[Array, "time hidden"], window: int
) -> Float[Array, " windows"]:
    """Returns the share of neurons that fire in each window of so many steps.

    The spikes are those of a model's trace: `model.trace(sequence).states[0].spikes`.
    Steps after the last whole window are left out.
    """
    whole = spikes.shape[0] // window
    cut = spikes[: whole * window].reshape(whole, window, -1)
    return jnp.mean(jnp.max(cut, axis=1), axis=1)
