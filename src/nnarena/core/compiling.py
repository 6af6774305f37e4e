"""How all programs of the arena are compiled: for one thread of a CPU.

No other module calls `jax.jit` or `eqx.filter_jit` (a test reads the sources). The
threads that programs share are the process's: `nnarena/__init__.py` asks for one.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import equinox as eqx
import jax


P = ParamSpec("P")
T = TypeVar("T")
Options = dict[str, str | bool]

ONE_THREAD: Options = {"xla_cpu_multi_thread_eigen": False}
"""For all programs: products that threads share have other last bits on a CPU."""

RUN_ONCE: Options = {**ONE_THREAD, "xla_backend_optimization_level": "0"}
"""For programs that run once: compiling them well would cost more than they do."""

AS_THE_PROCESS: Options = {}
"""For measurements of speed alone: as many threads as the process was born with."""


def jit(function: Callable[..., Any], options: Options = ONE_THREAD) -> Any:
    """Returns the function compiled by `jax.jit`; only a CPU heeds its options."""
    return jax.jit(function, compiler_options=dict(options))


def filter_jit(
    function: Callable[P, T], options: Options = ONE_THREAD
) -> Callable[P, T]:
    """Returns the function compiled by `eqx.filter_jit`, where not all are arrays."""
    # Equinox hands the options on to `jax.jit`; its overloads do not say so.
    return eqx.filter_jit(function, compiler_options=dict(options))  # pyright: ignore
