"""The clockwork network: groups of units that tick at periods of their own."""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core.numbers import AboveZero, AtLeastOne, held
from ..core.types import Key
from ..nn.lattice import OnEdges
from . import MODELS
from .base import AbstractCell


@MODELS.register("clockwork", family="recurrent", source="koutnik2014clockwork")
class Clockwork(AbstractCell):
    r"""A tanh layer in groups, of which one moves only at multiples of its period.

    $$h^g_t = \begin{cases}
    \tanh\big(x_t W_g + \sum_{k:\, T_k \ge T_g} h^k_{t-1} U_{kg} + b_g\big) &
    \text{if } t \bmod T_g = 0 \\
    h^g_{t-1} & \text{otherwise}
    \end{cases}$$

    Between its ticks a group holds what it has: its gradient passes unchanged, and
    over $T$ steps is multiplied $T / T_g$ times. Slow groups drive themselves and
    faster ones and are not driven by those. Where `skip_rnn` lengthens links, here
    the units themselves are slow.

    `periods` are the $T_g$, one for each group; units are shared out among the groups
    as evenly as their number allows, the first periods first, at least one to each. All
    groups with the same period read each other. $t$ counts from 0, so that all tick at
    the first step; of one group with period 1 the layer is `elman`. Only links that
    exist count as weights.

    All numbers start normal with a `deviation` of 0.1, the paper's. Departs from it in
    that every unit is computed at every step and dropped where its group rests, so that
    no time is saved: the paper orders units by period and computes fewer.
    """

    input_weight: Float[Array, "features hidden"]
    recurrent_weight: OnEdges
    bias: Float[Array, " hidden"]
    period: Int[Array, " hidden"]
    hidden_size: int = eqx.field(static=True)
    cycle: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        periods: Sequence[AtLeastOne] = (1, 2, 4, 8),
        deviation: AboveZero = 0.1,
        key: Key,
    ):
        if not periods:
            raise ValueError("periods is empty: give one for each group, as [1, 2, 4]")
        cycle = math.lcm(*periods)
        if cycle >= 2**31:
            raise ValueError(
                f"periods {list(periods)} come together every {cycle:,} steps, more "
                "than a clock of 32 bits counts; give some that share a divisor"
            )
        if len(periods) > hidden:
            raise ValueError(
                f"periods has {len(periods)} groups, but there are only {hidden} units "
                "to share out: give fewer, or a greater width"
            )
        group = np.arange(hidden) * len(periods) // hidden
        period = np.asarray(periods)[group]
        shape = (features + hidden + 1, hidden)
        drawn = deviation * jax.random.normal(key, shape)
        self.input_weight, self.bias = drawn[:features], drawn[-1]
        slower = period[:, None] >= period[None, :]
        self.recurrent_weight = OnEdges(slower.astype(int), drawn[features:-1])
        self.period = jnp.asarray(period, jnp.int32)
        self.hidden_size, self.cycle = hidden, cycle

    def init_state(self):
        return jnp.zeros(self.hidden_size), jnp.zeros((), jnp.int32)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        ready: Any = self  # once resolved, its weights are plain arrays
        h, t = state
        moved = jnp.tanh(x @ self.input_weight + h @ ready.recurrent_weight + self.bias)
        h = jnp.where(t % self.period == 0, moved, h)
        return (h, (t + 1) % self.cycle), h
