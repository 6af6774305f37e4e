"""The linear dynamical model: a Kalman filter that has settled."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import BelowOne, held
from ..core.roles import role
from ..core.types import Key
from ..nn import initializers
from . import MODELS
from .base import AbstractLinearFilter


@MODELS.register(
    "linear_dynamical",
    family="linear",
    source="kalman1960new",
    frame={"embed": "none"},
)
class LinearDynamical(AbstractLinearFilter):
    r"""A linear state that is corrected by what it did not foresee.

    $$\begin{aligned}
    e_t &= x_t - m_t C \\
    h_t = m_{t+1} &= m_t A + e_t K
    \end{aligned}$$

    The innovations form of $x_t = m_t C + u_t$, $m_{t+1} = m_t A + w_t$ with normal
    $u$ and $w$: $m_t$ is what the steps before $t$ say of the state, $e_t$ what was not
    foreseen, and $K$ the gain at which the Kalman filter settles. The head reads
    $m_{t+1}$. There are two ways to train it. By `gradient_descent` $A$, $C$ and $K$
    are free: where the next step is asked for, by the squared errors of the forecast,
    which is maximum likelihood with the covariance of $e$ left free. By the trainer
    `em` the system behind the inputs is fitted, without a look at the answers, $K$
    follows from it, and the head is a regression. Nothing is identified but the
    answers to impulses, $K A^k C$: for any $T$ the state $m T$ does as well.

    $A$ starts orthogonal, the rows of $C^T$ orthonormal as far as they are fewer than
    units, and $K = \kappa C^T A$ with the `gain` $\kappa$: the filter of states that
    keep their size and are observed in noise, by default as of the random walk whose
    steps are as large as its noise. From there $A - C K$ is stable.
    """

    transition: Float[Array, "hidden hidden"]
    observation: Float[Array, "hidden features"]
    gain: Float[Array, "features hidden"] = eqx.field(metadata=role(decay=True))
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(self, features: int, hidden: int, *, gain: BelowOne = 0.618, key: Key):
        transition_key, observation_key = jax.random.split(key)
        self.transition = initializers.orthogonal(hidden, key=transition_key)
        square = initializers.orthogonal(max(features, hidden), key=observation_key)
        self.observation = square[:hidden, :features]
        self.gain = gain * self.observation.T @ self.transition
        self.hidden_size = hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        unforeseen = x - state @ self.observation
        h = state @ self.transition + unforeseen @ self.gain
        return h, h
