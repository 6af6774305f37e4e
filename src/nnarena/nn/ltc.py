"""Liquid time-constant neurons on a sparse wiring (Hasani et al. 2021).

Synapses are computed one by one, on the edges of the wiring: the potential of each
one's source is fetched by index, what it passes on is added up at its target. Masked
dense matrices of synapses, as elsewhere, took six to twelve times as long on a CPU,
products with one-hot matrices 1.2 to 2.7 times (`benchmarks/ltc.py`).
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core.roles import role
from ..core.types import Key, Scalar
from .ode import Method, integrate
from .parametrization import AbstractParametrization
from .wiring import Edges, Wiring


Potentials = Float[Array, " neurons"]


class Positive(AbstractParametrization):
    """A weight above zero, softplus of a free number: no step of training leaves it."""

    raw: Float[Array, " numbers"] = eqx.field(metadata=role(decay=False))

    def value(self):
        return jax.nn.softplus(self.raw)


class Synapses(eqx.Module):
    r"""Synapses of one wiring: $w \sigma(\gamma (v_j - \mu)) (E - v_i)$ each.

    Weights $w$ start uniform in (0.001, 1), slopes $\gamma$ in (3, 8), centers $\mu$
    in (0.3, 0.8), reversal potentials $E$ at the polarity, as in keras-ncp.
    """

    weight: Positive | Float[Array, " synapses"]
    slope: Float[Array, " synapses"]
    center: Float[Array, " synapses"]
    reversal: Float[Array, " synapses"]
    source: Int[Array, " synapses"]
    target: Int[Array, " synapses"]
    targets: int = eqx.field(static=True)
    shares_vectors: ClassVar[bool] = True
    """Read at every unfold, one for all examples: copies took 1.3 times as long."""

    def __init__(self, edges: Edges, *, key: Key):
        weight_key, slope_key, center_key = jax.random.split(key, 3)
        count = len(edges.source)
        self.weight = positive(count, 0.001, 1.0, key=weight_key)
        self.slope = jax.random.uniform(slope_key, (count,), minval=3.0, maxval=8.0)
        self.center = jax.random.uniform(center_key, (count,), minval=0.3, maxval=0.8)
        self.reversal = jnp.asarray(edges.polarity)
        self.source, self.target = jnp.asarray(edges.source), jnp.asarray(edges.target)
        self.targets = edges.targets

    def __call__(
        self, sources: Float[Array, " sources"]
    ) -> tuple[Float[Array, " targets"], Float[Array, " targets"]]:
        """Returns, per target, the current at potential zero and the conductance."""
        ready: Any = self  # once resolved, its weights are plain arrays
        distance = sources[self.source] - self.center
        opened = ready.weight * jax.nn.sigmoid(self.slope * distance)
        return self._deliver(opened * self.reversal), self._deliver(opened)

    def _deliver(self, amounts: Float[Array, " synapses"]) -> Float[Array, " targets"]:
        """Returns what arrives at each target."""
        return jnp.zeros(self.targets, amounts.dtype).at[self.target].add(amounts)


class Circuit(eqx.Module):
    r"""Neurons with leaky membranes, joined by synapses.

    $$C_i \dot v_i = G_i (L_i - v_i) + \sum_s w_s \sigma(\gamma_s (v_{j(s)} - \mu_s))
    (E_s - v_i)$$

    over the synapses $s$ that reach neuron $i$, from neurons and from inputs alike.
    Capacitances $C$ start uniform in (0.4, 0.6), leak conductances $G$ in (0.001, 1),
    leak potentials $L$ in (-0.2, 0.2).
    """

    sensory: Synapses
    recurrent: Synapses
    capacitance: Positive | Potentials
    leak: Positive | Potentials
    leak_potential: Potentials
    method: Method = eqx.field(static=True)

    def __init__(self, wiring: Wiring, *, method: Method, key: Key):
        keys = jax.random.split(key, 5)
        count = wiring.neurons
        self.sensory = Synapses(wiring.sensory, key=keys[0])
        self.recurrent = Synapses(wiring.recurrent, key=keys[1])
        self.capacitance = positive(count, 0.4, 0.6, key=keys[2])
        self.leak = positive(count, 0.001, 1.0, key=keys[3])
        self.leak_potential = jax.random.uniform(
            keys[4], (count,), minval=-0.2, maxval=0.2
        )
        self.method = method

    def __call__(
        self, potentials: Potentials, x: Float[Array, " features"], dt: Scalar
    ) -> Potentials:
        """Returns the potentials after time `dt`, the input held; once resolved."""
        ready: Any = self  # once resolved, its weights are plain arrays
        current, conductance = ready.sensory(x)  # held during the interval
        current = current + ready.leak * ready.leak_potential
        conductance = conductance + ready.leak

        def currents(potentials: Potentials) -> tuple[Potentials, Potentials]:
            drive, opening = ready.recurrent(potentials)
            return current + drive, conductance + opening

        return integrate(
            currents, potentials, dt, ready.method, capacitance=ready.capacitance
        )


def positive(count: int, low: float, high: float, *, key: Key) -> Positive:
    """Returns weights that start uniform between two numbers above zero."""
    return positive_at(jax.random.uniform(key, (count,), minval=low, maxval=high))


def positive_at(start: Float[Array, " count"]) -> Positive:
    """Returns weights that start at numbers above zero."""
    return Positive(start + jnp.log(-jnp.expm1(-start)))
