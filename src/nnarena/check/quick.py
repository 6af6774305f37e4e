"""Compiling for programs that run for an instant."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..core.compiling import FOR_LAWS, filter_jit


P = ParamSpec("P")
T = TypeVar("T")


def quick_jit(function: Callable[P, T]) -> Callable[P, T]:
    """Returns the function compiled in the least time that there is.

    A law's program is small and runs once or twice: compiling is what it costs, and no
    law asks for last bits.
    """
    return filter_jit(function, FOR_LAWS)
