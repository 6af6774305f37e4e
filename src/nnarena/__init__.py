"""Neural Network Arena: which sequence models remember, how surely, at what cost.

`import nnarena` imports nothing heavy; the names below load what they need when they
are first used.

    nnarena.run(models, tasks, ...)     runs a matrix and returns its leaderboard
    nnarena.leaderboard(results)        the leaderboard of a folder of results
    nnarena.MODELS, nnarena.TASKS       the registries
    nnarena.AbstractCell, ...           what an entrant implements
"""

from importlib import import_module
from typing import Any


_HOMES = {
    "run": "nnarena.suite.session",
    "leaderboard": "nnarena.suite.session",
    "MODELS": "nnarena.models",
    "AbstractCell": "nnarena.models",
    "AbstractLayer": "nnarena.models",
    "AbstractModel": "nnarena.models",
    "TASKS": "nnarena.tasks",
    "AbstractTask": "nnarena.tasks",
}

__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nnarena' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
