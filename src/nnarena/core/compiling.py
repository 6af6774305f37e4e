"""How all programs of the arena are compiled: for one thread of a CPU.

No other module calls `jax.jit` or `eqx.filter_jit` (a test reads the sources). The
threads that programs share are the process's: `nnarena/__init__.py` asks for one.
"""

import functools
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

OLDER_KERNELS: Options = {"xla_cpu_use_fusion_emitters": False}
"""The older of the two ways in which XLA writes kernels for a CPU: about half the time
to compile; tanh, tan, atan, rsqrt and log1p have other last bits."""

SOONEST: Options = {**RUN_ONCE, **OLDER_KERNELS}
"""For programs that run once and whose last bits are free, or cannot differ: those of
random keys compute with whole numbers."""

FOR_LAWS: Options = {
    **SOONEST,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_opt_preset": "CPU_OPT_PRESET_FAST_COMPILE",
}
"""For programs of which no number is kept: about a third of the time of `RUN_ONCE` to
compile, and other last bits than with `SOONEST`."""

AS_THE_PROCESS: Options = {}
"""For measurements of speed alone: as many threads as the process was born with."""


def jit(function: Callable[..., Any], options: Options = ONE_THREAD) -> Any:
    """Returns the function compiled by `jax.jit`; only a CPU heeds its options."""
    return jax.jit(function, compiler_options=known(options))


def traced_once(function: Callable[..., Any]) -> Any:
    """Returns the function for use in others: traced once for shapes, for all of them.

    JAX remembers the trace of a jitted function; the compiled programs are the others.
    """
    return jax.jit(function)


def filter_jit(
    function: Callable[P, T], options: Options = ONE_THREAD
) -> Callable[P, T]:
    """Returns the function compiled by `eqx.filter_jit`, where not all are arrays."""
    # Equinox hands the options on to `jax.jit`; its overloads do not say so.
    return eqx.filter_jit(function, compiler_options=known(options))  # pyright: ignore


def known(options: Options) -> Options:
    """Returns those of the options that this version of XLA has: some come and go."""
    return {name: value for name, value in options.items() if _is_known(name, value)}


@functools.cache
def _is_known(name: str, value: str | bool) -> bool:
    if name in RUN_ONCE:
        return True  # XLA's own, and without them results would not be what they are

    def is_known():
        return 0.0

    try:
        jax.jit(is_known, compiler_options={name: value}).lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True
