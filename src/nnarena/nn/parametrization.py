"""Weights that are functions of other weights, computed once per sequence.

A unitary matrix is exp(A) of a skew-Hermitian A; a time constant is the softplus of
an unconstrained number. Such a weight is a field that holds an
`AbstractParametrization`, or a `Frozen` if nothing trains it; the scan calls `resolve`
before its loop, so that a cell's step meets a plain array and the derived weight is
formed once, not at every step.
"""

import abc
from typing import TypeVar

import equinox as eqx
import jax
from jaxtyping import Array, PyTree

from ..core.frozen import Frozen


T = TypeVar("T")


class AbstractParametrization(eqx.Module):
    """A weight given by other weights."""

    @abc.abstractmethod
    def value(self) -> PyTree[Array]:
        """Returns the weight itself."""


def _derives(node: object) -> bool:
    return isinstance(node, AbstractParametrization | Frozen)


def resolve(tree: T) -> T:
    """Returns the tree with every parametrization and frozen weight as its value."""
    return jax.tree.map(
        lambda node: node.value() if _derives(node) else node, tree, is_leaf=_derives
    )
