"""The memory layer: an array of flip-flops made of reciprocal neurons."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, NotNegativeInt, held
from ..core.types import Key
from ..nn.flip_flops import Control, FlipFlops, Polarity
from ..nn.lattice import OnEdges, adjacency_matrix
from . import MODELS
from .base import AbstractCell


@MODELS.register("memory_layer", family="memory", source="brantner2021neural")
class MemoryLayer(AbstractCell):
    r"""An array of continuous flip-flops, each a pair of neurons that shut each other.

    $$\begin{aligned}
    u &= x_t W + (A \odot R)^T h_{t-1} + b \\
    C \frac{dv}{dt} &= G(u) (E_u - v) + G(v) (E - v) + G(\bar v) (\bar E - v) \\
    C \frac{d\bar v}{dt} &= G(-u) (E_u - \bar v) + G(\bar v) (E - \bar v)
    + G(v) (\bar E - \bar v) \\
    h_t &= v(\Delta t), \quad G(s) = g \, \sigma(\gamma (s - \mu))
    \end{aligned}$$

    Every pair $v, \bar v$ has one control $u$, which pushes its first neuron and, with
    the other sign, its second; the first is its output. With $E$ above and $\bar E$
    below, one neuron is up and holds itself while it keeps the other one down: a bit,
    which no leak wears off and only a control that opens $G(\pm u)$ turns over. Where
    the neurons of an `ncp` form one circuit, here pairs are all alike and meet only
    through their controls. Every $g, \gamma, \mu, E$ and $C$ is a neuron's own: 26
    numbers per pair, and $g$ and $C$ are kept positive.

    `adjacency` says whose outputs a pair reads ($A$); every input reaches every pair:
    "dense", all; "sparse", `fan_in` of them, drawn by `wiring_seed` and the same in
    every run, itself perhaps among them; "ring", itself and two neighbors;
    "grid:AxBx...", itself and the neighbors on a lattice of any dimension, where a
    first side of "*" fits any width.
    `self_synapse` is where a neuron's hold on itself starts to pull: "excitatory" (+1)
    as in the array that was built, or "inhibitory" (-1) as it was proposed, with which
    no neuron stays up unless training moves $E$ above its center. `control`
    is how $u$ enters: through a "synapse", or as the "current" $\pm u$ in place of
    $G(\pm u) (E_u - v)$. The equation is solved in `unfolds` semi-implicit steps per
    observation.

    The thesis planned this layer in the place of attention and gave it up; it has no
    numbers of it. Its early code, of one explicit step of Euler's, added $\pm u$ as a
    current: then nothing bounds a pair that reads its own output, and at this random
    start the states overflow. So the default is the synapse, which the proposal and the
    thesis's memory cell have, and potentials stay between the $E$. $W$ and $R$ start
    Glorot-uniform as one matrix, $b$ zero, synapses as in keras-ncp, potentials at 0.
    """

    input_weight: Float[Array, "features pairs"]
    recurrent_weight: OnEdges | Float[Array, "pairs pairs"]
    bias: Float[Array, " pairs"]
    pairs: FlipFlops
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        adjacency: str = "dense",
        fan_in: AtLeastOne = 4,
        wiring_seed: NotNegativeInt = 22222,
        self_synapse: Polarity = "excitatory",
        control: Control = "synapse",
        unfolds: AtLeastOne = 6,
        key: Key,
    ):
        weight_key, pairs_key = jax.random.split(key)
        read = adjacency_matrix(adjacency, hidden, fan_in=fan_in, seed=wiring_seed)
        inputs = features + read.sum() / hidden
        limit = math.sqrt(6.0 / (inputs + hidden))
        weights = jax.random.uniform(
            weight_key, (features + hidden, hidden), minval=-limit, maxval=limit
        )
        self.input_weight, among = weights[:features], weights[features:]
        self.recurrent_weight = among if read.all() else OnEdges(read, among)
        self.bias = jnp.zeros(hidden)
        self.pairs = FlipFlops(
            hidden, own=self_synapse, control=control, unfolds=unfolds, key=pairs_key
        )
        self.hidden_size = hidden

    def init_state(self):
        return jnp.zeros(2 * self.hidden_size)

    def __call__(self, state, x, dt):
        ready: Any = self  # once resolved, its weights are plain arrays
        outputs = state[: self.hidden_size]
        control = x @ self.input_weight + outputs @ ready.recurrent_weight + self.bias
        potentials = self.pairs(state, control, dt)
        return potentials, potentials[: self.hidden_size]
