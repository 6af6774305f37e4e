"""The law about roles: what shape cannot tell is declared."""

import re

import jax

from ..core.roles import roles_by_path
from ..nn.parametrization import AbstractParametrization
from .laws import require
from .model_case import FIRST, WIDTH, ModelCase, words_for


VECTOR = re.compile(r"(?:^|_)(?:bias(?:es)?|gains?|offsets?)(?:_|$)")
"""Names of what is added to a unit or multiplies it, and maps nothing."""


def check_roles(case: ModelCase) -> None:
    """Holds every number from which a weight derives to a declared role.

    Of a matrix that maps, more than one axis says that it is decayed. Of an angle or a
    generator, shape says nothing; of a bias or a gain in a stack of layers, it says
    what is wrong.

    Raises:
        LawBroken: one declares none.
    """
    for signature in case.playable(*FIRST):
        shapes = case.contender.shapes(signature, WIDTH)
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
