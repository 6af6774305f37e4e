"""Pascanu's regularizer: gradients that keep their norm on the way through time.

Both forms of it hold states and covectors fixed, so that it moves the recurrent map
alone, and ask the same of every step: that the Jacobian keeps the norm of the covector
that comes back through it, not of every vector.
"""

import jax.numpy as jnp

from ..metrics.base import Mean
from . import PENALTIES
from .flow import AbstractFlowPenalty, pulled_back


BOUND = 1e-20
"""Squared norm below which a covector has vanished, and says nothing: the code's."""

TINY = 1e-30
"""Where a square root is taken from, so that its slope is finite."""


@PENALTIES.register("omega", family="gradient flow", source="pascanu2013difficulty")
class Omega(AbstractFlowPenalty):
    r"""The norm that a gradient loses or gains from step to step, as the paper has it.

    $$\Omega = \sum_t \left( \frac{\lVert v_t J_t \rVert}{\lVert v_t \rVert} - 1
    \right)^2, \quad v_t = \frac{\partial L}{\partial h_t}, \quad
    J_t = \frac{\partial h_t}{\partial h_{t-1}}$$

    The mean over examples. Steps whose covector has vanished count nothing. Of a cell
    whose Jacobian is a formula of the state that it left (`elman`), the state is held
    fixed, and $U$ alone gets a gradient, as in the paper; of any other the step is
    computed anew from the state that it found.
    """

    def __call__(self, cell, flow):
        back, own, there = pulled_back(cell, flow)
        there &= own >= BOUND
        ratio = jnp.sqrt(jnp.maximum(back / jnp.where(there, own, 1.0), TINY))
        total = jnp.sum((ratio - 1) ** 2, where=there)
        return Mean(total, jnp.ones_like(total))


@PENALTIES.register(
    "omega_released", family="gradient flow", source="pascanu2013difficulty"
)
class OmegaReleased(AbstractFlowPenalty):
    r"""The same as its authors' released code computes it.

    $$\Omega = \frac{1}{N} \sum_t \left( \frac{\lVert v_t J_t \rVert^2}
    {\lVert v_t \rVert^2} - 1 \right)^2$$

    It differs from the paper's formula (`omega`) in that norms are squared, and in that
    the sum over steps and examples is divided by the number $N$ of those whose covector
    has not vanished. The code leaves out what is below $10^{-20}$ in the squared norm
    of the gradient of a batch's mean loss, here it is that of the example's part in it.
    """

    def __call__(self, cell, flow):
        back, own, there = pulled_back(cell, flow)
        there &= own >= BOUND
        ratio = back / jnp.where(there, own, 1.0)
        total = jnp.sum((ratio - 1) ** 2, where=there)
        return Mean(total, jnp.sum(there).astype(total.dtype))
