"""A hostile world: no silent broadcasting, no silent promotion of types.

Quick tests run small programs once, so that compiling is what they cost: their code is
generated without optimization, in half the time. Slow ones train, and are optimized.
"""

import os

import jax


jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


def pytest_configure(config):
    """Sets the flags before anything is computed; in the workers of xdist too."""
    if config.option.markexpr.startswith("not slow"):
        os.environ.setdefault("XLA_FLAGS", QUICK)
