"""The law that no answer uses a later input, unless the model says so and may."""

import contextlib
from collections.abc import Sequence

import numpy as np

from ..core.problems import CannotPlay
from ..core.types import Signature
from .laws import require
from .model_case import CAUSAL, EVERY_STEP, LENGTH, ModelCase, draw_inputs, words_for


def check_causal(case: ModelCase) -> None:
    """Returns if a model looks ahead just where it says so, and never where it may not.

    Raises:
        LawBroken: it declares what it is not, by itself or as it plays a causal task.
    """
    if case.model(EVERY_STEP[0]).causal:
        _require_causality(case, EVERY_STEP)
    else:
        require(
            any(_looks_ahead(case, s) is not None for s in EVERY_STEP),
            "declared not causal, but no change of later inputs changed an earlier "
            "answer; declare `causal = True`",
        )
    # A cell or a layer without settings for it is the same model again.
    own = case.contender
    if own.framed and own.for_signature(CAUSAL[0]) == own:
        return
    with contextlib.suppress(CannotPlay):
        _require_causality(case, CAUSAL)


def _require_causality(case: ModelCase, signatures: Sequence[Signature]) -> None:
    for signature in signatures:
        step = _looks_ahead(case, signature)
        require(
            step is None,
            f"{words_for(signature)}: declared causal, but a change of inputs from "
            f"step {step} on changed an answer before it",
        )


def _looks_ahead(case: ModelCase, signature: Signature) -> int | None:
    """Returns the first step whose change reaches an answer before it, if one does."""
    xs, dts = draw_inputs(signature, LENGTH)
    others, _ = draw_inputs(signature, LENGTH, seed=1)
    before = case.answer(signature, xs, dts)
    scale = max(1.0, float(np.abs(before).max()))
    for step in range(1, LENGTH):
        later = np.arange(LENGTH) >= step
        changed = np.where(later.reshape(-1, *[1] * (xs.ndim - 1)), others, xs)
        slower = np.where(later, np.float32(0.5), dts)
        after = case.answer(signature, changed, slower)
        if not np.allclose(before[:step], after[:step], rtol=0, atol=1e-6 * scale):
            return step
    return None
