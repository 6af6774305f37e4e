"""Reciprocal pairs of liquid time-constant neurons: flip-flops in continuous time."""

from functools import partial
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from ..core.numbers import require
from ..core.types import Key, Scalar
from .ltc import Positive, positive
from .ode import Method, integrate


Potentials = Float[Array, " neurons"]
Control = Literal["synapse", "current"]
"""How a pair is driven: by conductances, or by a current."""

kept = partial(checkpoint_name, name="halves")
"""Has the gradient find what is put together of halves: a memory layer's step takes
0.51 of what plain autodiff's does, 0.66 without (`benchmarks/scan.py memory_layer`)."""

Polarity = Literal["excitatory", "inhibitory"]

REVERSAL: dict[Polarity, float] = {"excitatory": 1.0, "inhibitory": -1.0}
"""The potential that a synapse of a polarity starts to pull to."""


class Onto(eqx.Module):
    r"""One synapse per neuron: $g \sigma(\gamma (v' - \mu))$, towards $E$.

    Conductances $g$ start uniform in (0.001, 1), slopes $\gamma$ in (3, 8), centers
    $\mu$ in (0.3, 0.8), as in keras-ncp, reversal potentials $E$ at the polarity.
    """

    weight: Positive | Potentials
    slope: Potentials
    center: Potentials
    reversal: Potentials

    def __init__(self, neurons: int, polarity: Polarity, *, key: Key):
        weight_key, slope_key, center_key = jax.random.split(key, 3)
        shape = (neurons,)
        self.weight = positive(neurons, 0.001, 1.0, key=weight_key)
        self.slope = jax.random.uniform(slope_key, shape, minval=3.0, maxval=8.0)
        self.center = jax.random.uniform(center_key, shape, minval=0.3, maxval=0.8)
        self.reversal = jnp.full(shape, REVERSAL[polarity])

    def __call__(self, sources: Potentials) -> tuple[Potentials, Potentials]:
        """Returns the current at potential zero and the conductance; once resolved."""
        ready: Any = self
        opened = ready.weight * jax.nn.sigmoid(self.slope * (sources - self.center))
        return opened * self.reversal, opened


class FlipFlops(eqx.Module):
    r"""Pairs of neurons that hold themselves and inhibit each other.

    $$C \dot v = I + g \sigma(\gamma (v - \mu)) (E - v)
    + g' \sigma(\gamma' (v' - \mu')) (E' - v)$$

    for both neurons $v$ of a pair, $v'$ being the other one. The first is controlled by
    $+u$, the second by $-u$: either through an excitatory synapse of its own,
    $I = g'' \sigma(\gamma'' (\pm u - \mu'')) (E'' - v)$, so that no potential leaves
    the range of the $E$, or by the current $I = \pm u$ itself. There is no leak: what
    nothing drives stays. Capacitances $C$ start uniform in (0.4, 0.6). Potentials are
    those of the first neurons, then those of the second ones.

    No index is fetched: a pair's synapses are elementwise, the partners half a turn
    away.
    """

    own: Onto
    across: Onto
    entrance: Onto | None
    capacitance: Positive | Potentials
    unfolds: int = eqx.field(static=True)

    def __init__(
        self, pairs: int, *, own: Polarity, control: Control, unfolds: int, key: Key
    ):
        require(Polarity, self_synapse=own)
        require(Control, control=control)
        keys = jax.random.split(key, 4)
        neurons = 2 * pairs
        self.own = Onto(neurons, own, key=keys[0])
        self.across = Onto(neurons, "inhibitory", key=keys[1])
        self.entrance = (
            Onto(neurons, "excitatory", key=keys[2]) if control == "synapse" else None
        )
        self.capacitance = positive(neurons, 0.4, 0.6, key=keys[3])
        self.unfolds = unfolds

    def __call__(
        self, potentials: Potentials, control: Float[Array, " pairs"], dt: Scalar
    ) -> Potentials:
        """Returns the potentials after time `dt`, the control held; once resolved.

        Semi-implicit substeps (`nnarena.nn.ode`): stable at any length.
        """
        ready: Any = self  # once resolved, its weights are plain arrays
        current = kept(jnp.concatenate([control, -control]))
        conductance = jnp.zeros_like(current)
        if self.entrance is not None:
            current, conductance = self.entrance(current)

        def currents(potentials: Potentials) -> tuple[Potentials, Potentials]:
            held, holding = self.own(potentials)
            taken, taking = self.across(kept(jnp.roll(potentials, control.size)))
            return current + held + taken, conductance + holding + taking

        method = Method("semi_implicit", self.unfolds)
        return integrate(
            currents, potentials, dt, method, capacitance=ready.capacitance
        )
