"""The roles of weights as transformations of updates (`nnarena.core.roles`)."""

import jax
import optax
from jaxtyping import PyTree

from ..core.roles import roles


def decayed(params: PyTree) -> PyTree[bool]:
    """Returns which weights are decayed: a mask for optax."""
    return jax.tree.map(lambda role: role.decay, roles(params))


def at_own_rates() -> optax.GradientTransformation:
    """Returns what multiplies every weight's update by its relative learning rate."""

    def scale(updates: PyTree, params: PyTree | None) -> PyTree:
        del params  # the updates stand in the same places
        return jax.tree.map(
            lambda role, update: update if role.rate == 1.0 else role.rate * update,
            roles(updates),
            updates,
        )

    return optax.stateless(scale)
