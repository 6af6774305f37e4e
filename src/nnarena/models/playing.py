"""Why a whole model cannot play a task, from what its class is and can be asked."""

import inspect
from typing import Any

from ..core.types import Signature
from .decoder import AbstractDecoder
from .supervised import AbstractSupervised


def why_not(make: type, signature: Signature) -> str | None:
    """Returns what a class lacks to play such a task, or None."""
    generates = issubclass(make, AbstractDecoder)
    if signature.generated and not generates:
        return "it generates no answers, and the task asks for generated ones"
    answers: Any = getattr(make, "encode" if signature.generated else "__call__")
    if generates and answers is AbstractDecoder.__call__:
        return f"it generates its answers, and the task asks {signature.when}"
    if signature.context and "context" not in inspect.signature(answers).parameters:
        return "it reads no context, and the task has one"
    if issubclass(make, AbstractSupervised) and not signature.facts:
        return (
            "it learns from the sentences that an answer rests on: the task names none"
        )
    return None
