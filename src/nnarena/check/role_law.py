"""The law about roles: what shape cannot tell is declared."""

import itertools
import re
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from ..core.frozen import trainable
from ..core.roles import UNDECAYED, annotated_axes, owner, roles_by_path
from ..nn.parametrization import AbstractParametrization
from .laws import NotJudged, require
from .model_case import FIRST, ModelCase, words_for


VECTOR = re.compile(r"(?:^|_)(?:bias(?:es)?|gains?|offsets?)(?:_|$)")
"""Names of what is added to a unit or multiplies it, and maps nothing."""


def check_roles(case: ModelCase) -> None:
    """Holds every number from which a weight derives to a declared role.

    Of a matrix that maps, more than one axis says that it is decayed. Of an angle or a
    generator, shape says nothing; of a bias or a gain in a stack of layers, it says
    what is wrong.

    Raises:
        LawBroken: one declares none.
        NotJudged: nothing says of one whether it is a matrix or a vector in a stack.
    """
    for signature in case.playable(*FIRST):
        shapes = case.contender.shapes(signature, case.width)
        derived = tuple(_parametrizations(shapes))
        for path, found in roles_by_path(shapes).items():
            *_, name = path.split(".")
            require(
                not found.decay or found.declared or not VECTOR.search(name),
                f"{words_for(signature)}: expected `{path}`, by its name no map, not "
                "to be decayed; annotate it by the axes that one layer has, as by "
                '`Float[Array, " hidden"]`, or declare its role by '
                "`eqx.field(metadata=role(decay=False))`",
            )
            require(
                found.declared or not path.startswith(derived),
                f"{words_for(signature)}: expected `{path}`, from which a weight "
                "derives, to declare whether it is decayed, as by "
                "`eqx.field(metadata=role(decay=False))`, but it does not",
            )
        for path in _doubtful(shapes, case.entry.make):
            raise NotJudged(
                f"`{path}` is decayed, as a matrix is; nothing says whether it is one, "
                "or a stack of vectors, such as the biases of stacked layers: annotate "
                "it by the axes that one layer has, as by "
                '`Float[Array, " hidden"]`, or declare its role by '
                "`eqx.field(metadata=role(decay=False))`, or True"
            )


def _doubtful(shapes: PyTree, made: Any) -> list[str]:
    """Returns the places of arrays that may be matrices, or vectors in a stack.

    They say nothing of themselves and lie in a part that may be a stack, as
    `eqx.filter_vmap` makes them. What the arena has `made` itself, one by one, is none.
    """
    found, said = [], roles_by_path(shapes)
    for path, leaf in _leaves(shapes):
        place = jax.tree_util.keystr(path).lstrip(".")
        part, name = owner(shapes, path)
        known = said[place].declared or annotated_axes(part, name) is not None
        single = isinstance(part, (made, *UNDECAYED))
        if known or single or not said[place].decay:
            continue
        if leaf.ndim - _stacked_axes(part) <= 1:
            found.append(place)
    return found


def _stacked_axes(part: PyTree) -> int:
    """Returns how many leading axes of a part's arrays may be those of a stack."""
    leaves = _leaves(part)
    (_, first), *_ = leaves
    shared = first.ndim
    for path, leaf in leaves:
        inner, name = owner(part, path)
        axes = annotated_axes(inner, name)
        if leaf.ndim == 1 and _is_vector(inner, name):
            axes = 1
        pairs = zip(first.shape, leaf.shape, strict=False)
        alike = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
        shared = min(shared, len(list(alike)) if axes is None else leaf.ndim - axes)
    return shared


def _leaves(tree: PyTree) -> list[tuple[tuple[Any, ...], Any]]:
    """Returns the places and shapes of what training may move."""
    free = eqx.filter(tree, trainable(tree))
    return jax.tree_util.tree_flatten_with_path(free)[0]


def _is_vector(part: Any, name: str) -> bool:
    """Returns whether a field is a vector, by what its layer is or by its name."""
    known = (names for layer, names in UNDECAYED.items() if isinstance(part, layer))
    return any(name in names for names in known) or bool(VECTOR.search(name))


def _parametrizations(tree: object) -> list[str]:
    """Returns the places of all parametrizations."""
    nodes, _ = jax.tree_util.tree_flatten_with_path(
        tree, is_leaf=lambda node: isinstance(node, AbstractParametrization)
    )
    return [
        jax.tree_util.keystr(path).lstrip(".") + "."
        for path, node in nodes
        if isinstance(node, AbstractParametrization)
    ]
