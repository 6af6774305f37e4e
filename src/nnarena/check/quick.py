"""Compiling for programs that run for an instant."""

from collections.abc import Callable
from typing import Any

import equinox as eqx


def quick_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function compiled without optimization, in half the time.

    A law's program is small and runs once or twice: compiling is what it costs.
    """
    return eqx.filter_jit(
        function, compiler_options={"xla_backend_optimization_level": 0}
    )
