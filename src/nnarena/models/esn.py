"""The echo state network."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.frozen import Frozen
from ..core.numbers import AboveZero, AtLeastOne, NotNegative, UpToOne, held
from ..core.types import Key
from ..nn.reservoir import sparse, with_radius
from . import MODELS
from .base import AbstractCell


@MODELS.register(
    "esn",
    family="reservoir",
    source="jaeger2001echo",
    trainer="ridge",
    frame={"embed": "none"},
)
class ESN(AbstractCell):
    r"""A random recurrent network that stays as it starts; only a readout is trained.

    $$h_t = (1 - \ell) h_{t-1} + \ell \tanh(x_t W + h_{t-1} U + b)$$

    Each unit hears `links` units, drawn at random, by normal weights; where there are
    no more than that it hears all. Then $U$ is scaled to the spectral radius `radius`.
    That is the radius of $U$ itself: with a `leak` $\ell$ below 1 the map from state to
    state is $(1 - \ell) 1 + \ell U$, whose radius is another, mostly nearer to 1. $W$
    is uniform within +-`input_scale` and $b$ within +-`bias`; without a bias the
    answers to $x$ and $-x$ would be opposite. Inputs are read as they are, a token as 1
    in its place among zeros.

    States forget how they began if the largest singular value of $U$ is below 1. With
    neither input nor bias nor leak they do not if the radius is above 1; else it
    depends on the input. A linear network of $n$ units can give back $n$ of its
    independent inputs, this one fewer (Jaeger 2002).

    Made for `ridge`. By `gradient_descent` the same readout is trained step by step.
    Departs from the paper in a readout of the state alone, which there has the input
    beside it, and in a leak of one number, as in Lukoševičius (2012).
    """

    input_weight: Frozen
    recurrent_weight: Frozen
    bias: Frozen
    leak: float = eqx.field(static=True)
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        radius: NotNegative = 0.9,
        leak: UpToOne = 1.0,
        links: AtLeastOne = 10,
        input_scale: AboveZero = 1.0,
        bias: NotNegative = 0.2,
        key: Key,
    ):
        input_key, recurrent_key, bias_key = jax.random.split(key, 3)
        self.input_weight = Frozen(
            _uniform(features, hidden, within=input_scale, key=input_key)
        )
        self.recurrent_weight = Frozen(
            with_radius(sparse(hidden, links=links, key=recurrent_key), radius)
        )
        self.bias = Frozen(_uniform(1, hidden, within=bias, key=bias_key)[0])
        self.leak, self.hidden_size = leak, hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        ready: Any = self  # once resolved, what is frozen is plain arrays
        heard = x @ ready.input_weight + state @ ready.recurrent_weight + ready.bias
        h = (1.0 - self.leak) * state + self.leak * jnp.tanh(heard)
        return h, h


def _uniform(
    inputs: int, outputs: int, *, within: float, key: Key
) -> Float[Array, "inputs outputs"]:
    return within * jax.random.uniform(key, (inputs, outputs), minval=-1.0)
