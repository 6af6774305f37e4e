"""An LSTM whose output flows between observations."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, Finite, NotNegative, held
from ..core.types import Key
from ..nn import initializers
from ..nn.ode import Method, Solver, integrate
from . import MODELS
from .base import AbstractCell


@MODELS.register(
    "ode_lstm",
    family="continuous time",
    source="lechner2020learning",
    former={"forget_bias": 3.0},
)
class ODELSTM(AbstractCell):
    r"""An LSTM that keeps its memory in steps and lets its output flow in time.

    $$\begin{aligned}
    i, f, g, o &= \sigma, \sigma, \tanh, \sigma \; (x_t W + h_{t-1} U + b) \\
    c_t &= f \odot c_{t-1} + i \odot g \\
    h' &= o \odot \tanh(c_t) \\
    h_t &= h(\Delta t), \quad h(0) = h_{t-1}, \quad
        \frac{dh}{dt} = s \odot \tanh(h' V + h R + b') - h
    \end{aligned}$$

    The memory $c$ never flows, so that its gradient passes unchanged where the forget
    gate is open, as in an LSTM. What the gates read is $h$, the state of a CT-RNN of
    the same size, which is driven by the LSTM's output $h'$ for the time since the
    last observation; $h'$ itself is forgotten. The equation is solved by any `solver`
    of `nnarena.nn.ode`, in `unfolds` steps per observation or as many as `rtol` and
    `atol` need, at most `max_steps`.

    The form is that of the authors' first code and of the thesis, with Euler in 4
    steps; later code of theirs lets $h'$ itself flow, by a network without input.
    They add 3 before the forget gate's sigmoid; here its bias starts at `forget_bias`,
    by default at that of all gated cells; 3 is theirs. $W$ and $V$ start
    Glorot-uniform, $U$ and $R$ orthogonal, other biases zero, the gain $s$ one. Of $W$
    and $U$ each of the "gates" starts by itself, or, with `start="matrix"`, all start
    as the one matrix that they are in the authors' code, about half as wide.
    """

    input_weight: Float[Array, "features 4*hidden"]
    recurrent_weight: Float[Array, "hidden 4*hidden"]
    bias: Float[Array, " 4*hidden"]
    flow_input_weight: Float[Array, "hidden hidden"]
    flow_recurrent_weight: Float[Array, "hidden hidden"]
    flow_bias: Float[Array, " hidden"]
    flow_gain: Float[Array, " hidden"]
    hidden_size: int = eqx.field(static=True)
    method: Method = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        forget_bias: Finite = initializers.FORGET_BIAS,
        start: initializers.Start = "gates",
        solver: Solver = "euler",
        unfolds: AtLeastOne = 4,
        rtol: NotNegative = 1e-4,
        atol: NotNegative = 1e-6,
        max_steps: AtLeastOne = 256,
        key: Key,
    ):
        keys = jax.random.split(key, 4)
        self.input_weight = initializers.glorot(
            features, hidden, gates=4, start=start, key=keys[0]
        )
        self.recurrent_weight = initializers.orthogonal(
            hidden, gates=4, start=start, key=keys[1]
        )
        self.bias = initializers.gate_biases(
            hidden, gates=4, keeping=1, forget_bias=forget_bias
        )
        self.flow_input_weight = initializers.glorot(hidden, hidden, key=keys[2])
        self.flow_recurrent_weight = initializers.orthogonal(hidden, key=keys[3])
        self.flow_bias = jnp.zeros(hidden)
        self.flow_gain = jnp.ones(hidden)
        self.hidden_size = hidden
        self.method = Method(solver, unfolds, rtol, atol, max_steps)

    def init_state(self):
        return jnp.zeros(self.hidden_size), jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        h, c = state
        gates = x @ self.input_weight + h @ self.recurrent_weight + self.bias
        i, f, g, o = jnp.split(gates, 4)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        output = jax.nn.sigmoid(o) * jnp.tanh(c)
        drive = output @ self.flow_input_weight + self.flow_bias  # held during dt

        def currents(h):
            driven = jnp.tanh(drive + h @ self.flow_recurrent_weight)
            return self.flow_gain * driven, 1.0

        h = integrate(currents, h, dt, self.method)
        return (h, c), h
