"""Whose a setting is that somebody does not have.

elman(clip=1)              'clip' is a setting of the trainer gradient_descent
[trainer] stop_every = 9   'truncation' is a setting of contenders, ...
"""

import weakref
from typing import Any


REGISTRIES: weakref.WeakSet[Any] = weakref.WeakSet()
"""All registries, in which an owner is looked for."""

OTHER_WORDS = {
    "batch_size": "batch",
    "bptt": "truncation",
    "clip_norm": "clip",
    "grad_clip": "clip",
    "gradient_clip": "clip",
    "gradient_clipping": "clip",
    "lr": "learning_rate",
    "stop_every": "truncation",
    "tbptt": "truncation",
    "truncate": "truncation",
    "truncated": "truncation",
}
"""What others call a setting that somebody here may have."""

MANY = 4
"""Entrants that are named of those that have a setting."""


def whose(setting: str) -> str | None:
    """Returns of which entrants something is a setting, in words; None of none."""
    registries = sorted(REGISTRIES, key=lambda registry: registry.kind)
    for name in (setting, OTHER_WORDS.get(setting, setting)):
        told = [_owners(registry, name) for registry in registries]
        if found := " and of ".join(filter(None, told)):
            return f"{name!r} is a setting of {found}"
    return None


def _owners(registry: Any, setting: str) -> str | None:
    """Returns who of the package has a setting, in words; None if nobody has it."""
    everyone, common = registry.shared
    if setting in common:
        return everyone.format(setting)
    own = (entry for entry in registry if not entry.outside)
    names = [entry.name for entry in own if setting in entry.defaults]
    if not names:
        return None
    several = "s" if len(names) > 1 else ""
    rest = " and others" if len(names) > MANY else ""
    return f"the {registry.kind}{several} {', '.join(names[:MANY])}{rest}"
