"""The continuous-time gated recurrent unit."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, held
from ..core.types import Key
from ..nn import initializers
from . import MODELS
from .base import AbstractCell


@MODELS.register("ct_gru", family="continuous time", source="mozer2017discrete")
class CTGRU(AbstractCell):
    r"""A gated unit whose gates choose how fast a memory fades.

    $$\begin{aligned}
    \ln \tau^R, \ln \tau^S &= [x_t, h_{t-1}] W_\tau + b_\tau \\
    r_i &= \operatorname{softmax}_i \left(-(\ln \tau^R_i - \ln \tau_i)^2\right) \\
    s_i &= \operatorname{softmax}_i \left(-(\ln \tau^S_i - \ln \tau_i)^2\right) \\
    q &= \tanh\left(\left[x_t, \textstyle\sum_i r_i \odot \hat h_{t-1,i}\right] W_q
        + b_q\right) \\
    \hat h_{t,i} &= \left((1 - s_i) \odot \hat h_{t-1,i} + s_i \odot q\right)
        e^{-\Delta t / \tau_i} \\
    h_t &= \textstyle\sum_i \hat h_{t,i}
    \end{aligned}$$

    Every unit keeps `scales` traces, which decay with the fixed time constants
    $\tau_i = 10^{i/2}$: 1, 3.2, 10 and so on. Where a GRU resets and updates, this
    asks from which scales to retrieve ($r$) and in which to store ($s$). Decay is
    exact in the elapsed time, so that no solver is needed.

    Departs from the paper, which predicts one $\ln \tau$ per unit, as a point between
    the scales, in predicting one per scale, the form of Lechner & Hasani (2020) and
    of the thesis; `per_scale = False` is the paper's form, with a sixth of the
    weights. Like theirs it decays after storing, by the time since the observation
    before, so that what is new fades too before it is first read. Each of the three
    maps starts Glorot-uniform, biases zero, which stores in the fastest scales first.
    """

    scale_weight: Float[Array, "features+hidden 2*predictions"]
    scale_bias: Float[Array, " 2*predictions"]
    content_weight: Float[Array, "features+hidden hidden"]
    content_bias: Float[Array, " hidden"]
    hidden_size: int = eqx.field(static=True)
    scales: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        scales: AtLeastOne = 8,
        per_scale: bool = True,
        key: Key,
    ):
        scale_key, content_key = jax.random.split(key)
        predictions = hidden * scales if per_scale else hidden
        self.scale_weight = initializers.glorot(
            features + hidden, predictions, gates=2, key=scale_key
        )
        self.scale_bias = jnp.zeros(2 * predictions)
        self.content_weight = initializers.glorot(
            features + hidden, hidden, key=content_key
        )
        self.content_bias = jnp.zeros(hidden)
        self.hidden_size, self.scales = hidden, scales

    def init_state(self):
        return jnp.zeros((self.scales, self.hidden_size))

    def __call__(self, state, x, dt):
        h = jnp.sum(state, axis=0)
        log_tau = jnp.arange(self.scales, dtype=x.dtype)[:, None] * math.log(10) / 2
        chosen = jnp.concatenate([x, h]) @ self.scale_weight + self.scale_bias
        # Per gate one row of choices per scale, or a single row for all of them.
        chosen = chosen.reshape(2, -1, self.hidden_size)
        nearness = -((chosen - log_tau[None]) ** 2)
        nearest = jax.lax.stop_gradient(jnp.max(nearness, axis=1, keepdims=True))
        # The softmax is divided out after its sums, on `hidden` numbers, not on all.
        retrieve, store = jnp.exp(nearness - nearest)
        recalled = jnp.sum(retrieve * state, axis=0) / jnp.sum(retrieve, axis=0)
        content = jnp.concatenate([x, recalled]) @ self.content_weight
        q = jnp.tanh(content + self.content_bias)[None]
        stored = store / jnp.sum(store, axis=0, keepdims=True)
        decay = jnp.exp(-dt / jnp.exp(log_tau))
        state = (state + stored * (q - state)) * decay
        return state, jnp.sum(state, axis=0)
