"""Weights that no trainer moves."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree


class Frozen(eqx.Module):
    """An array of random or given numbers that stays as it starts.

    For what is a part of the model and not of what it learns: the recurrent matrix of
    an echo state network, random features, a fixed filter bank.

        self.recurrent = Frozen(jax.random.normal(key, (hidden, hidden)))

    The methods of a cell or fold find the plain array in its place, as of a
    parametrization: `state @ self.recurrent`. In a layer, a whole model, a penalty, or
    outside of a run `model.recurrent.value()` is the array. No gradient flows into it,
    no trainer moves it, no budget of parameters counts it and no decay or penalty by
    role acts on it. It is saved and restored with the weights. For an array of whole
    numbers or truth values, such as a wiring or a mask, no `Frozen` is needed: nothing
    trains those.
    """

    array: Array = eqx.field(converter=jnp.asarray)

    def value(self) -> Array:
        """Returns the array; gradients end here."""
        return jax.lax.stop_gradient(self.array)


def is_frozen(node: object) -> bool:
    """Returns whether a node of a tree is frozen."""
    return isinstance(node, Frozen)


def trainable(tree: PyTree) -> PyTree[bool]:
    """Returns which leaves, arrays or their shapes, a trainer may move.

    It has the form of the tree, as `equinox.partition` wants it.
    """

    def free(node: Any) -> Any:
        if is_frozen(node):
            return jax.tree.map(lambda _: False, node)
        return hasattr(node, "dtype") and jnp.issubdtype(node.dtype, jnp.inexact)

    return jax.tree.map(free, tree, is_leaf=is_frozen)
