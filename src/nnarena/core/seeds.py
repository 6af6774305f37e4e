"""Random keys that name what they depend on.

    key_for("init", seed, "lstm", "add")    initialization: (seed, model, task)
    key_for("order", seed, "add")           order of training data: (seed, task)
    key_for("data", "add")                  held-out rows: the task alone

Every model therefore meets the same data in the same order, and two runs that
differ in one name share nothing else.
"""

import functools
import hashlib
from typing import Any

import jax
import numpy as np

from .compiling import SOONEST, jit
from .types import Key


def key_for(*names: str | int) -> Key:
    """Returns the random key of this list of names.

    The names are hashed (SHA-256), so that neither their order in a suite nor the
    number of entrants beside them changes anything.
    """
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    high, low = (int.from_bytes(digest[i : i + 4], "big") for i in (0, 4))
    return _compiled()(np.int32(high >> 1), np.uint32(low))


@functools.cache
def key_shape() -> Any:
    """Returns what stands for a random key where a function is traced and never run."""
    return jax.eval_shape(jax.random.key, 0)


@functools.cache
def _compiled() -> Any:
    # One program instead of the dozen that these calls are outside of any; made when
    # it is first asked for, since an import computes nothing.
    def folded(seed: Any, data: Any) -> Key:
        return jax.random.fold_in(jax.random.key(seed), data)

    return jit(folded, SOONEST)
