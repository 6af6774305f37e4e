"""The readout of a model, its last linear map, and how least squares fit it.

Sums of products of what the readout reads and of what it ought to answer are all that
a least-squares fit needs. They are formed on the host in float64, one thread at a time,
so that a run has the same bits whoever does it.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import GetAttrKey
from jaxtyping import Array, Bool, Float, PyTree
from threadpoolctl import ThreadpoolController

from ..core.types import Classes, Example, Signature
from ..models.base import AbstractModel


NAME = "head"
"""The field of a model, or of a part of it, that holds the readout."""


class Moments(eqx.Module):
    """Sums over answers that count: of products of inputs, a 1 last, and of targets."""

    gram: Float[np.ndarray, "*seeds inputs inputs"]
    cross: Float[np.ndarray, "*seeds inputs outputs"]
    power: Float[np.ndarray, "*seeds"]

    def plus(self, other: "Moments") -> "Moments":
        """Returns the sums over both."""
        return jax.tree.map(lambda a, b: np.asarray(a + b), self, other)

    @property
    def finite(self) -> bool:
        """Whether all sums of one seed are."""
        return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(self))


class Solution(eqx.Module):
    """A readout, as a model has it, and the strength that it was found with."""

    weight: Float[np.ndarray, "*seeds outputs inputs"]
    bias: Float[np.ndarray, "*seeds outputs"] | None
    strength: Float[np.ndarray, "*seeds"]

    def error(self, moments: Moments) -> float:
        """Returns the mean squared error of one seed's over the answers of moments."""
        outputs = self.weight.shape[0]
        bias = np.zeros(outputs) if self.bias is None else self.bias
        whole = np.concatenate([self.weight.T, bias[None]]).astype(np.float64)
        squares = np.sum(whole * (moments.gram @ whole - 2 * moments.cross))
        return float(squares + moments.power) / (float(moments.gram[-1, -1]) * outputs)


def single_thread() -> Any:
    """Returns a context in which the host's linear algebra uses one thread."""
    return _controller().limit(limits=1)


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def why_not(model: PyTree) -> str | None:
    """Returns why a model, or its shapes, has no readout to fit, or None."""
    found = list(_places(model))
    if len(found) == 1:
        return None
    many = f"{len(found)} linear maps" if found else "no linear map"
    return f"it has {many} named {NAME!r}, where one is to give its answers"


def readout(model: PyTree) -> eqx.nn.Linear:
    """Returns the readout of a model that has one, or of its shapes."""
    (place,) = _places(model)
    return _at(model, place)


def with_readout(model: PyTree, head: eqx.nn.Linear) -> PyTree:
    """Returns the model with another readout."""
    (place,) = _places(model)
    return eqx.tree_at(lambda whole: _at(whole, place), model, head)


def replaced(
    head: eqx.nn.Linear, weight: Array | np.ndarray, bias: Array | np.ndarray | None
) -> eqx.nn.Linear:
    """Returns a linear map with other numbers; one without bias stays so."""
    head = eqx.tree_at(lambda own: own.weight, head, jnp.asarray(weight))
    if head.bias is None:
        return head
    return eqx.tree_at(lambda own: own.bias, head, jnp.asarray(bias))


def showing_hidden(model: AbstractModel) -> AbstractModel:
    """Returns the model that answers with what its readout reads.

    The readout becomes the identity, whichever way the model applies it, unless the
    model can do without one, which spares the product.
    """
    if (bare := model.headless) is not None:
        return bare
    head = readout(model)
    width = head.weight.shape[1]
    return with_readout(model, replaced(head, jnp.eye(width), jnp.zeros(width)))


def regressed(
    example: Example, signature: Signature
) -> tuple[Float[Array, "answers outputs"], Bool[Array, " answers"]]:
    """Returns what the answers of one example ought to be, and which of them count.

    Of a class, 1 for it and 0 for the others; of labels, 1 for those that hold.
    """
    outputs, targets = signature.outputs, example.targets
    if isinstance(outputs, Classes):
        targets = jax.nn.one_hot(targets, outputs.size)
    return jnp.atleast_2d(targets.astype(jnp.float32)), jnp.atleast_1d(
        example.judged(signature.answers)
    )


def moments_of(hidden: np.ndarray, targets: np.ndarray, counts: np.ndarray) -> Moments:
    """Returns the sums of one seed; the arrays lead with the same axes of answers."""
    inputs = np.ones((np.count_nonzero(counts), hidden.shape[-1] + 1))
    inputs[:, :-1] = hidden[counts]
    answers = targets[counts].astype(np.float64)
    return Moments(
        inputs.T @ inputs, inputs.T @ answers, np.asarray(np.sum(answers**2))
    )


def solutions(
    moments: Moments, strengths: tuple[float, ...], *, bias: bool
) -> Iterator[Solution]:
    """Yields the readout of each strength, with or without a bias.

    It minimizes the mean over answers of the squared error, summed over outputs, plus
    `strength` times the sum of the squared weights. The bias is free.
    """
    count = moments.gram[-1, -1]
    means = moments.gram[-1] / count
    target_means = moments.cross[-1] / count
    if not bias:
        means, target_means = np.zeros_like(means), np.zeros_like(target_means)
    spread = moments.gram / count - np.outer(means, means)
    along = moments.cross / count - np.outer(means, target_means)
    variances, directions = np.linalg.eigh(spread[:-1, :-1])
    components = directions.T @ along[:-1]
    for strength in strengths:
        shrunk = components / (np.maximum(variances, 0.0) + strength)[:, None]
        weight = directions @ shrunk
        offset = target_means - means[:-1] @ weight
        yield Solution(
            weight=np.ascontiguousarray(weight.T, np.float32),
            bias=offset.astype(np.float32) if bias else None,
            strength=np.asarray(strength),
        )


def _places(model: PyTree) -> Iterator[tuple[Any, ...]]:
    nodes, _ = jax.tree_util.tree_flatten_with_path(model, is_leaf=_is_linear)
    for path, node in nodes:
        if path and _is_linear(node) and path[-1] == GetAttrKey(NAME):
            yield path


def _is_linear(node: object) -> bool:
    return isinstance(node, eqx.nn.Linear)


def _at(part: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        part = (
            getattr(part, step.name)
            if isinstance(step, GetAttrKey)
            else part[getattr(step, "idx", getattr(step, "key", None))]
        )
    return part
