"""The role of a weight in training: whether it is decayed, and how fast it moves.

The part that owns a weight declares its role where it declares the weight:

    class Rotations(eqx.Module):
        angles: Float[Array, "layers pairs"] = eqx.field(metadata=role(decay=False))

Weight decay pulls a number towards zero. That limits a linear map, whose zero is the
map that does nothing. It is arbitrary where zero means something else: an angle of zero
is one rotation among many, and a generator of zero is the identity. Hence:

    decayed      matrices of linear maps: input, recurrent, projections, heads,
                 however they are stored (a sparse one is a vector of its entries)
    not decayed  biases; gains and offsets of norms and of units; time constants, poles,
                 conductances and potentials; angles, generators and vectors of unitary
                 maps; initial states and contents of memories; tables of tokens and of
                 positions, of which a row has a gradient only where it is read, so that
                 decay would fade the rare ones

What nobody declares is decayed if it has more than one axis: as its field is annotated,
so that a bias of `Float[Array, " hidden"]` is one in a stack of layers too, or else as
it stands. Layers of Equinox say neither, so `UNDECAYED` speaks for them. An
annotation may be a text, as under `from __future__ import annotations`. Of one without
axes, as `jax.Array`, `arena check` says where that leaves a doubt.
"""

import functools
import inspect
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import equinox as eqx
import jax
from jax.tree_util import GetAttrKey
from jaxtyping import PyTree

from .frozen import trainable


VECTORS: Mapping[type, frozenset[str]] = {
    eqx.nn.Linear: frozenset({"bias"}),
    eqx.nn.GRUCell: frozenset({"bias", "bias_n"}),
    eqx.nn.LSTMCell: frozenset({"bias"}),
    eqx.nn.BatchNorm: frozenset({"weight", "bias"}),
    eqx.nn.WeightNorm: frozenset({"g"}),
}
"""Biases and gains that have one axis in one layer, but for the axes of 1 of a gain."""

UNDECAYED: Mapping[type, frozenset[str]] = {
    **VECTORS,
    eqx.nn.Embedding: frozenset({"weight"}),
    eqx.nn.LayerNorm: frozenset({"weight", "bias"}),
    eqx.nn.RMSNorm: frozenset({"weight", "bias"}),
    eqx.nn.GroupNorm: frozenset({"weight", "bias"}),
    eqx.nn.Conv: frozenset({"bias"}),
    eqx.nn.ConvTranspose: frozenset({"bias"}),
    eqx.nn.PReLU: frozenset({"negative_slope"}),
}
"""Fields of Equinox's layers that are not maps, however many axes their arrays have."""


@dataclass(frozen=True)
class Role:
    """What an optimizer does with a weight.

    `rate` is the weight's learning rate as a multiple of the run's; it scales the whole
    update, the decay included. `declared` is false where the shape alone decided.
    """

    decay: bool
    rate: float = 1.0
    declared: bool = True


@dataclass(frozen=True)
class Declaration:
    """What a field says of all weights in it; `decay` of None leaves that open.

    `rate` may be the name of another field of the same part, which holds the rate.
    """

    decay: bool | None
    rate: float | str

    def rate_in(self, part: Any) -> float:
        """Returns the rate that holds in a part.

        Raises:
            ValueError: it is not a number above 0.
        """
        rate = getattr(part, self.rate) if isinstance(self.rate, str) else self.rate
        if not 0.0 < rate < math.inf:
            raise ValueError(f"a relative rate is a number above 0, not {rate}")
        return rate


def role(*, decay: bool | None = None, rate: float | str = 1.0) -> dict[Any, Any]:
    """Returns the metadata of a field that gives all weights in it a role.

    A rate that is a setting lies in a static field of the same part, whose name is
    given instead. Where fields with roles lie within each other, the outermost decides
    on decay, since the owner of a part knows what it is for, and the rates multiply.

    Raises:
        ValueError: the rate is not a number above 0.
    """
    declared = Declaration(decay, rate)
    if not isinstance(rate, str):
        declared.rate_in(None)
    return {Declaration: declared}


def roles(tree: PyTree) -> PyTree[Role]:
    """Returns the role of every trainable array (or shape); None for other leaves."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf, free: _role(tree, path, leaf) if free else None,
        tree,
        trainable(tree),
    )


def roles_by_path(tree: PyTree) -> dict[str, Role]:
    """Returns the same under the names of the places, in their order."""
    found, _ = jax.tree_util.tree_flatten_with_path(roles(tree))
    return {jax.tree_util.keystr(path).lstrip("."): one for path, one in found}


def has_stacked_vectors(tree: PyTree) -> bool:
    """Returns whether decay once acted on a vector because it stands in a stack.

    A bias or a gain, of arrays or of their shapes, that has several axes and is known
    as one axis by its annotation or by `VECTORS`.
    """
    found, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(tree, trainable(tree)))
    return any(
        _role(tree, path, leaf).decay != _role(tree, path, leaf, as_once=True).decay
        for path, leaf in found
    )


def _role(
    part: Any, path: tuple[Any, ...], leaf: Any, *, as_once: bool = False
) -> Role:
    """Returns the role of a leaf; `as_once`, by the shape of all that is undeclared."""
    decay, rate, axes = None, 1.0, None
    for step in path:
        if is_dataclass(part) and isinstance(step, GetAttrKey):
            declared = _declaration(part, step.name, as_once)
            if declared is not None:
                decay = declared.decay if decay is None else decay
                rate *= declared.rate_in(part)
            axes = None if as_once else annotated_axes(part, step.name)
        part = _inside(part, step)
    by_axes = (leaf.ndim if axes is None else axes) > 1
    return Role(by_axes if decay is None else decay, rate, decay is not None)


def _declaration(part: Any, name: str, as_once: bool) -> Declaration | None:
    """Returns what a part says of one of its fields."""
    for layer, names in UNDECAYED.items():
        if isinstance(part, layer) and name in names:
            known = not (as_once and layer in VECTORS)
            return Declaration(decay=False, rate=1.0) if known else None
    metadata = {field.name: field.metadata for field in fields(part)}
    return metadata.get(name, {}).get(Declaration)


def owner(tree: PyTree, path: tuple[Any, ...]) -> tuple[Any, str]:
    """Returns the innermost part that a path leads through, and which of its fields.

    The tree itself, and "", where there is none.
    """
    part, found, name = tree, tree, ""
    for step in path:
        if is_dataclass(part) and isinstance(step, GetAttrKey):
            found, name = part, step.name
        part = _inside(part, step)
    return found, name


def annotated_axes(part: Any, name: str) -> int | None:
    """Returns how many axes the annotation of a field gives its arrays, if it does."""
    found = set(_annotated_axes(_annotation(type(part), name)))
    return found.pop() if len(found) == 1 else None


@functools.cache
def _annotation(make: type, name: str) -> Any:
    """Returns the annotation of a field; None of a text that cannot be read."""
    for base in make.__mro__:
        kind = inspect.get_annotations(base).get(name)
        if not isinstance(kind, str):
            if kind is None:
                continue
            return kind
        told = SimpleNamespace(__annotations__={name: kind})
        names = vars(sys.modules.get(base.__module__, SimpleNamespace()))
        try:
            return get_type_hints(told, dict(names), dict(vars(base)))[name]
        except Exception:  # it may name what is imported for type checkers alone
            return None
    return None


def _annotated_axes(kind: Any) -> Iterator[int | None]:
    """Yields the numbers of axes of all arrays in an annotation; None if not fixed."""
    if hasattr(kind, "dims") and hasattr(kind, "index_variadic"):
        yield len(kind.dims) if kind.index_variadic is None else None
    for inside in get_args(kind):
        yield from _annotated_axes(inside)


def _inside(part: Any, step: Any) -> Any:
    """Returns what lies one step inside, whatever kind of container the part is."""
    inside, _ = jax.tree_util.tree_flatten_with_path(
        part, is_leaf=lambda node: node is not part
    )
    return next(child for (key,), child in inside if key == step)
