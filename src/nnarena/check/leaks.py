"""Answers that stand among the inputs of a later step."""

import jax
import numpy as np
from jaxtyping import Bool, Float

from ..core.types import Classes, Example, Signature


FEWEST = 32
"""Answers that have to agree before agreement tells anything."""

RESIDUAL = 1e-8
"""The share of an answer's variance that rounding may leave unexplained."""

INDICATORS = 16
"""Classes that are looked for one by one, as in inputs that are one-hot."""

Inputs = Float[np.ndarray, "rows time numbers"]
Answers = Float[np.ndarray, "rows time answers"]
Counts = Bool[np.ndarray, "rows time"]
Flags = Bool[np.ndarray, " answers"]


def leaking_shift(examples: Example, signature: Signature) -> int | None:
    """Returns how many steps after an answer an input gives it away, if any does.

    An input gives an answer away where one of its numbers is the answer but for scale
    and offset, in all examples. An answer that the present or an earlier input gives
    just as well is no secret: then a later one is not what tells it.

    Args:
        examples: a few, with a leading axis; answered at every step.
        signature: the task's.
    """
    targets, counts = _target_columns(examples, signature), judged_of(examples)
    inputs = np.asarray(examples.question.xs, float).reshape(*counts.shape, -1)
    time = counts.shape[1]

    def told(shifts: range) -> dict[int, Flags]:
        return {shift: _told(inputs, targets, counts, shift) for shift in shifts}

    later = told(range(1, time))
    if not any(flags.any() for flags in later.values()):
        return None
    open_ = np.any(list(told(range(1 - time, 1)).values()), axis=0)
    return next((s for s, flags in later.items() if np.any(flags & ~open_)), None)


def _told(inputs: Inputs, targets: Answers, counts: Counts, shift: int) -> Flags:
    """Returns which numbers of the answers the inputs `shift` steps later tell."""
    time = counts.shape[1]
    steps = slice(max(0, -shift), time - max(0, shift))
    others = slice(steps.start + shift, steps.stop + shift)
    chosen = counts[:, steps]
    if chosen.sum() < FEWEST:
        return np.zeros(targets.shape[2], bool)
    answers, seen = targets[:, steps][chosen], inputs[:, others][chosen]
    answers = answers - answers.mean(axis=0, keepdims=True)
    seen = seen - seen.mean(axis=0, keepdims=True)
    spread = np.outer((answers**2).sum(axis=0), (seen**2).sum(axis=0))
    shared = (answers.T @ seen) ** 2
    return np.any((spread > 0) & (shared >= (1.0 - RESIDUAL) * spread), axis=1)


def judged_of(examples: Example) -> Counts:
    """Returns which answers of examples that answer at every step are judged."""
    return np.asarray(jax.vmap(lambda one: one.judged("every step"))(examples))


def _target_columns(examples: Example, signature: Signature) -> Answers:
    """Returns the numbers of the answers: values, or the class and its indicators."""
    targets = np.asarray(examples.targets)
    if not isinstance(signature.outputs, Classes):
        return targets.astype(float)
    ones = targets[..., None] == np.arange(min(signature.outputs.size, INDICATORS))
    return np.concatenate([targets[..., None], ones], axis=-1).astype(float)
