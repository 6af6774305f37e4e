"""Guests: models of other frameworks, entered like any contender.

They enter `MODELS` through the entry point `guests` of the group `nnarena.models`,
where their framework is installed; looking whether it is imports nothing of it.
torch itself is imported when a guest is first built, so that listing stays fast.

    pip install '.[torch]'
"""

from importlib.util import find_spec


if find_spec("torch") is not None:
    from . import torch_lstm as torch_lstm
