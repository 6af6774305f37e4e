"""The law about roles: what shape cannot tell is declared."""

import jax

from ..core.roles import roles_by_path
from ..nn.parametrization import AbstractParametrization
from .laws import require
from .model_case import FIRST, WIDTH, ModelCase, words_for


def check_roles(case: ModelCase) -> None:
    """Holds every number from which a weight derives to a declared role.

    Of a matrix that maps, more than one axis says that it is decayed. Of an angle or a
    generator, shape says nothing.

    Raises:
        LawBroken: one declares none.
    """
    for signature in case.playable(*FIRST):
        shapes = case.contender.shapes(signature, WIDTH)
        derived = tuple(_parametrizations(shapes))
        for path, found in roles_by_path(shapes).items():
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
