"""The law that no answer uses a later input, unless the model says so and may."""

import contextlib
from collections.abc import Sequence

from ..core.problems import CannotPlay
from ..core.types import Signature
from .laws import require
from .model_case import CAUSAL, EVERY_STEP, ModelCase, words_for


def check_causal(case: ModelCase) -> None:
    """Returns if a model looks ahead just where it says so, and never where it may not.

    A run on a causal task tries the same at the task's own length before it starts.

    Raises:
        LawBroken: it declares what it is not, by itself or as it plays a causal task.
    """
    asked = case.told_apart(*EVERY_STEP)
    if case.model(asked[0]).causal:
        _require_causality(case, asked)
    else:
        # One that starts near zero feels no more than rounding there.
        ways = ((s, far) for far in (False, True) for s in asked)
        require(
            any(case.first_peek(s, far=far) is not None for s, far in ways),
            "declared not causal, but no change of later inputs changed an earlier "
            "answer; declare `causal = True`",
        )
    # A cell or a layer without settings for it is the same model again.
    own = case.contender
    if own.framed and own.for_signature(CAUSAL[0]) == own:
        return
    with contextlib.suppress(CannotPlay):
        _require_causality(case, case.told_apart(*CAUSAL))


def _require_causality(case: ModelCase, signatures: Sequence[Signature]) -> None:
    for signature in signatures:
        step = case.first_peek(signature)
        require(
            step is None,
            f"{words_for(signature)}: declared causal, but a change of inputs from "
            f"step {step} on changed an answer before it",
        )
