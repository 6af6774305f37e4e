"""Random keys that name what they depend on.

    key_for("init", seed, "lstm", "add")    initialization: (seed, model, task)
    key_for("order", seed, "add")           order of training data: (seed, task)
    key_for("data", "add")                  held-out rows: the task alone

Every model therefore meets the same data in the same order, and two runs that
differ in one name share nothing else.
"""

import hashlib

import jax

from .types import Key


def key_for(*names: str | int) -> Key:
    """Returns the random key of this list of names.

    The names are hashed (SHA-256), so that neither their order in a suite nor the
    number of entrants beside them changes anything.
    """
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    high, low = (int.from_bytes(digest[i : i + 4], "big") for i in (0, 4))
    return jax.random.fold_in(jax.random.key(high >> 1), low)
