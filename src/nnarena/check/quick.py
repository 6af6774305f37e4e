"""Compiling for programs that run for an instant."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..core.compiling import RUN_ONCE, filter_jit


P = ParamSpec("P")
T = TypeVar("T")


def quick_jit(function: Callable[P, T]) -> Callable[P, T]:
    """Returns the function compiled without optimization, in half the time.

    A law's program is small and runs once or twice: compiling is what it costs.
    """
    return filter_jit(function, RUN_ONCE)
