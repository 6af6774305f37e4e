"""The continuous-time recurrent network."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AboveZero, AtLeastOne, NotNegative, held
from ..core.types import Key
from ..nn import initializers
from ..nn.ode import Method, Solver, integrate
from . import MODELS
from .base import AbstractCell


@MODELS.register(
    "ct_rnn", family="continuous time", source="funahashi1993approximation"
)
class CTRNN(AbstractCell):
    r"""A recurrent network whose state flows between observations.

    $$\frac{dh}{dt} = -\frac{h}{\tau} + s \odot \tanh(x W + h U + b)$$

    The input is held for the time since the last observation, during which the state
    decays with time constant `tau` (fixed) while the network drives it; $s$ is a
    trained gain per unit. The equation is solved by any `solver` of `nnarena.nn.ode`,
    in `unfolds` steps per observation or as many as `rtol` and `atol` need, at most
    `max_steps`; of the fixed ones "semi_implicit" takes the decay of after its step
    and is stable at any `tau`.

    Departs from the paper, whose networks have no gain $s$ and take the input as a
    term of its own outside the activation, in following the form that Lechner &
    Hasani (2020) and the thesis trained. Both used RK4 in 3 steps; the default here is
    Euler in 6, at half the cost. $W$ starts Glorot-uniform, $U$ orthogonal, $b$ zero,
    $s$ one.
    """

    input_weight: Float[Array, "features hidden"]
    recurrent_weight: Float[Array, "hidden hidden"]
    bias: Float[Array, " hidden"]
    gain: Float[Array, " hidden"]
    hidden_size: int = eqx.field(static=True)
    tau: float = eqx.field(static=True)
    method: Method = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        tau: AboveZero = 1.0,
        solver: Solver = "euler",
        unfolds: AtLeastOne = 6,
        rtol: NotNegative = 1e-4,
        atol: NotNegative = 1e-6,
        max_steps: AtLeastOne = 256,
        key: Key,
    ):
        input_key, recurrent_key = jax.random.split(key)
        self.input_weight = initializers.glorot(features, hidden, key=input_key)
        self.recurrent_weight = initializers.orthogonal(hidden, key=recurrent_key)
        self.bias = jnp.zeros(hidden)
        self.gain = jnp.ones(hidden)
        self.hidden_size = hidden
        self.tau = tau
        self.method = Method(solver, unfolds, rtol, atol, max_steps)

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        drive = x @ self.input_weight + self.bias  # held during the interval

        def currents(h):
            driven = self.gain * jnp.tanh(drive + h @ self.recurrent_weight)
            return driven, 1.0 / self.tau

        h = integrate(currents, state, dt, self.method)
        return h, h
