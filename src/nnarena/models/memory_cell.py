"""The memory cell of the thesis: pairs of neurons that hold one bit each."""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AboveZero, AtLeastOne, NotNegative, held
from ..core.types import Key
from ..nn import initializers
from ..nn.ltc import Positive, positive_at
from ..nn.ode import Method, Solver, integrate
from . import MODELS
from .base import AbstractCell


Start = Literal["flip_flop", "random", "thesis"]
Numbers = Float[Array, " pairs"]

FLIP_FLOP = {
    "tau": 1.0,
    "leak": 0.15,
    "recurrence": 1.5,
    "recurrence_center": 0.25,
    "recurrence_reversal": 1.1,
    "inhibition": 10.0,
    "inhibition_center": 0.4,
    "drive": 200.0,
    "drive_reversal": 1.12,
}
THESIS = {
    "tau": 1.5573331,
    "leak": 0.4505964,
    "recurrence": 1.0334609,
    "recurrence_center": 0.07879465,
    "recurrence_reversal": 1.4378392,
    "inhibition": 1.3365093,
    "inhibition_center": 0.06618887,
    "drive": 0.07915332,
    "drive_reversal": 1.5931877,
}
POSITIVE = ("tau", "leak", "recurrence", "inhibition", "drive")


@MODELS.register("memory_cell", family="memory", source="brantner2021neural")
class MemoryCell(AbstractCell):
    r"""A flip-flop in continuous time: two neurons that hold each other down.

    $$\begin{aligned}
    \frac{1}{\tau} \frac{dv}{dt} &= g_\mathrm{in} \, \sigma(\gamma (u - \tfrac12))
        \, (E_\mathrm{in} - v)
        + g_\mathrm{rec} \, \sigma(\gamma (v - \mu_\mathrm{rec}))
        \, (E_\mathrm{rec} - v) \\
    &\quad - g_\mathrm{inh} \, \sigma(\gamma (v' - \mu_\mathrm{inh})) \, v
        - g_\mathrm{leak} \, v,
    \qquad u = x W
    \end{aligned}$$

    where $v'$ is the other neuron of the pair, for which the same holds with $v$ and
    $v'$ exchanged. A neuron that is on keeps itself on by its recurrent synapse and
    the other off by the inhibitory one; a pulse switches its neuron on, which switches
    the other off. `hidden` is the number of pairs; state and output are the potentials,
    first those of the first neuron of every pair, then those of the second, which is
    on in the beginning. A pair has nine numbers, alike for both its neurons. $W$ starts
    Glorot-uniform; there is none if there are as many inputs as neurons.

    Where `ncp` has trained slopes, leak potentials and a sparse wiring, here are pairs
    and one slope $\gamma$, the `steepness`, for all synapses. `solver`, `unfolds`,
    `rtol`, `atol` and `max_steps` are those of `nnarena.nn.ode`.

    `start` says where the nine numbers start. "flip_flop": where the equation itself,
    not one way to step through it, has one resting state per stored bit and no other,
    so that any two potentials that differ settle as that bit; any number of steps
    stores the same. "random": $\tau$ log-uniform in (0.5, 2), conductances $g$ in
    (0.1, 10), $\mu$ uniform in (0, 1), $E$ in (0.5, 2), per pair. "thesis": the
    constants of the thesis, whose cell is `start="thesis", steepness=100,
    solver="euler", unfolds=2`. It stores bits in these two steps only: in finer ones
    a pulse switches both neurons on, where they stay.

    Departs from the thesis in that $\tau$ and $g$ are the softplus of free numbers and
    stay positive, in its start, and in that several pairs may share one input.
    """

    input_weight: Float[Array, "features neurons"] | None
    tau: Positive | Numbers
    leak: Positive | Numbers
    recurrence: Positive | Numbers
    recurrence_center: Numbers
    recurrence_reversal: Numbers
    inhibition: Positive | Numbers
    inhibition_center: Numbers
    drive: Positive | Numbers
    drive_reversal: Numbers
    hidden_size: int = eqx.field(static=True)
    steepness: float = eqx.field(static=True)
    method: Method = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        start: Start = "flip_flop",
        steepness: AboveZero = 20.0,
        solver: Solver = "semi_implicit",
        unfolds: AtLeastOne = 4,
        rtol: NotNegative = 1e-4,
        atol: NotNegative = 1e-6,
        max_steps: AtLeastOne = 256,
        key: Key,
    ):
        input_key, start_key = jax.random.split(key)
        neurons = 2 * hidden
        straight = features == neurons
        self.input_weight = (
            None if straight else initializers.glorot(features, neurons, key=input_key)
        )
        numbers = draw_start(start, hidden, key=start_key)
        self.tau = positive_at(numbers["tau"])
        self.leak = positive_at(numbers["leak"])
        self.recurrence = positive_at(numbers["recurrence"])
        self.recurrence_center = numbers["recurrence_center"]
        self.recurrence_reversal = numbers["recurrence_reversal"]
        self.inhibition = positive_at(numbers["inhibition"])
        self.inhibition_center = numbers["inhibition_center"]
        self.drive = positive_at(numbers["drive"])
        self.drive_reversal = numbers["drive_reversal"]
        self.hidden_size = neurons
        self.steepness = float(steepness)
        self.method = Method(solver, unfolds, rtol, atol, max_steps)

    def init_state(self):
        pairs = self.hidden_size // 2
        return jnp.concatenate([jnp.zeros(pairs), jnp.ones(pairs)])

    def __call__(self, state, x, dt):
        ready: Any = self  # once resolved, its weights are plain arrays
        u = x if self.input_weight is None else x @ self.input_weight
        driven = both(ready.drive) * self.opened(u, 0.5)  # held during the interval

        def currents(v):
            partner = jnp.roll(v, len(v) // 2)
            inhibited = both(ready.inhibition) * self.opened(
                partner, both(ready.inhibition_center)
            )
            recurrent = both(ready.recurrence) * self.opened(
                v, both(ready.recurrence_center)
            )
            current = driven * both(ready.drive_reversal)
            current = current + recurrent * both(ready.recurrence_reversal)
            return current, both(ready.leak) + driven + inhibited + recurrent

        capacitance = 1.0 / both(ready.tau)  # C = 1, in a time of its own
        v = integrate(currents, state, dt, self.method, capacitance=capacitance)
        return v, v

    def opened(
        self, potentials: Float[Array, " neurons"], center: Array | float
    ) -> Float[Array, " neurons"]:
        """Returns the share of a synapse that a potential before it opens."""
        return jax.nn.sigmoid(self.steepness * (potentials - center))


def both(numbers: Numbers) -> Float[Array, " neurons"]:
    """Returns the numbers of pairs as those of their first, then second neurons."""
    return jnp.tile(numbers, 2)


def draw_start(start: Start, pairs: int, *, key: Key) -> dict[str, Numbers]:
    """Returns the nine numbers of every pair, by name."""
    if start != "random":
        given = FLIP_FLOP if start == "flip_flop" else THESIS
        return {name: jnp.full(pairs, number) for name, number in given.items()}
    keys = jax.random.split(key, len(FLIP_FLOP))
    return {
        name: draw_number(name, pairs, key=own)
        for name, own in zip(FLIP_FLOP, keys, strict=True)
    }


def draw_number(name: str, pairs: int, *, key: Key) -> Numbers:
    """Returns random starts of one of the nine, log-uniform where it is positive."""
    ranges = {"tau": (0.5, 2.0)}
    ranges |= dict.fromkeys(POSITIVE[1:], (0.1, 10.0))
    ranges |= dict.fromkeys(("recurrence_center", "inhibition_center"), (0.0, 1.0))
    low, high = ranges.get(name, (0.5, 2.0))
    if name not in POSITIVE:
        return jax.random.uniform(key, (pairs,), minval=low, maxval=high)
    span = jax.random.uniform(key, (pairs,), minval=jnp.log(low), maxval=jnp.log(high))
    return jnp.exp(span)
