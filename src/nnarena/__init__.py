"""Neural Network Arena: which sequence models remember, how surely, at what cost.

`import nnarena` imports nothing heavy; the names below load what they need when they
are first used.

    nnarena.run(models, tasks, ...)     runs a matrix and returns its leaderboard
    nnarena.leaderboard(results)        the leaderboard of a folder of results
    nnarena.MODELS, TASKS, TRAINERS, PENALTIES    the registries
    nnarena.AbstractCell, ...           what an entrant implements
"""

import os
from importlib import import_module
from typing import Any


# The threads of JAX's programs on a CPU. With several, two batched calls of LAPACK that
# run at once may each hold a thread and wait for ever for another (jax 0.10, where
# `ParallelBatchMap` waits for its own pool); no compiler option prevents it. JAX reads
# this when it first computes; a number that is already set stays.
os.environ.setdefault("NPROC", "1")

_HOMES = {
    "run": "nnarena.suite.session",
    "leaderboard": "nnarena.suite.session",
    "MODELS": "nnarena.models",
    "AbstractCell": "nnarena.models",
    "AbstractLayer": "nnarena.models",
    "AbstractModel": "nnarena.models",
    "TASKS": "nnarena.tasks",
    "AbstractTask": "nnarena.tasks",
    "TRAINERS": "nnarena.training",
    "AbstractTrainer": "nnarena.training.base",
    "PENALTIES": "nnarena.training",
    "AbstractPenalty": "nnarena.training.penalties",
    "Frozen": "nnarena.core.frozen",
}

__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nnarena' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
