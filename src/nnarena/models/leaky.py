"""The leaky recurrent network: units of fixed, spread or learned time constants."""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.frozen import Frozen
from ..core.numbers import AtLeastOne, BelowOne, held
from ..core.roles import role
from ..core.types import Key
from ..nn import initializers
from ..nn.parametrization import AbstractParametrization
from . import MODELS
from .base import AbstractCell


LONGEST = 100
"""The longest time constant, unless another one is given."""

Alpha = BelowOne | Literal["spread", "learned"]
"""One number for all units; time constants from 1 to `longest`; or those, trained."""


class Sigmoid(AbstractParametrization):
    """Numbers between 0 and 1 from free ones."""

    raw: Float[Array, " hidden"] = eqx.field(metadata=role(decay=False))

    def value(self) -> Float[Array, " hidden"]:
        return jax.nn.sigmoid(self.raw)


@MODELS.register("leaky", family="recurrent", source="mozer1992induction")
class Leaky(AbstractCell):
    r"""A tanh layer whose units forget by a share of their own at every step.

    $$h_t = \alpha \odot h_{t-1} + (1 - \alpha) \odot
    \tanh(x_t W + h_{t-1} U + b), \quad \alpha = e^{-1 / \tau}$$

    A unit is a running mean over about $\tau$ steps. What it holds fades as
    $\alpha^k$, exactly so where $U = 0$; with $\alpha = 0$ the layer is `elman`. A
    gated cell forms its $\alpha$ from input and state at every step, here it is a
    number per unit.

    `alpha` is one number for all units, or how each has its own: "spread", $\tau$
    log-spaced from 1 to `longest` over the units, as they stay; "learned", the same at
    the start, then trained as the sigmoid of a free number. $W$ starts Glorot-uniform,
    $U$ orthogonal, $b$ zero.

    Departs from the paper in that the numbers, which it sets by hand, are spread over
    the units or trained.
    """

    input_weight: Float[Array, "features hidden"]
    recurrent_weight: Float[Array, "hidden hidden"]
    bias: Float[Array, " hidden"]
    alpha: Sigmoid | Frozen
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        alpha: Alpha = "spread",
        longest: AtLeastOne = LONGEST,
        key: Key,
    ):
        if not isinstance(alpha, str) and longest != LONGEST:
            raise ValueError(
                f"longest spreads time constants, and alpha = {alpha} gives all units "
                'the same: leave longest out, or make alpha "spread" or "learned"'
            )
        input_key, recurrent_key = jax.random.split(key)
        self.input_weight = initializers.glorot(features, hidden, key=input_key)
        self.recurrent_weight = initializers.orthogonal(hidden, key=recurrent_key)
        self.bias = jnp.zeros(hidden)
        if isinstance(alpha, str):
            kept = jnp.exp(-1.0 / jnp.geomspace(1.0, longest, hidden))
        else:
            kept = jnp.full(hidden, alpha)
        trained = alpha == "learned"
        self.alpha = Sigmoid(jax.scipy.special.logit(kept)) if trained else Frozen(kept)
        self.hidden_size = hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        ready: Any = self  # once resolved, its weights are plain arrays
        drive = x @ self.input_weight + state @ self.recurrent_weight + self.bias
        h = ready.alpha * state + (1.0 - ready.alpha) * jnp.tanh(drive)
        return h, h
