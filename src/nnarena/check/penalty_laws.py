"""The laws that every penalty obeys, whatever it lowers."""

import math
from dataclasses import astuple

import numpy as np

from ..core.faults import EntrantProblem
from ..core.types import Signature
from .documents import require_account
from .laws import Law, NotJudged, require
from .model_case import GENERATED, SIGNATURES, words_for
from .penalty_case import PenaltyCase


def _check_documented(case: PenaltyCase) -> None:
    require_account(case.entry)


def _check_finite(case: PenaltyCase) -> None:
    for signature in SIGNATURES:
        _require_finite(case, signature)


def _check_generated(case: PenaltyCase) -> None:
    try:
        _require_finite(case, GENERATED)
    except EntrantProblem as error:
        raise NotJudged(f"it cannot act where answers are generated: {error}") from None


def _require_finite(case: PenaltyCase, signature: Signature) -> None:
    """Returns if value and gradient are finite: times a strength of 0 they are 0."""
    found = case.of(signature)
    for what, number in (("value", found.value), ("gradient", found.slope)):
        require(
            math.isfinite(number),
            f"{words_for(signature)}: expected a finite {what}, but it is {number}",
        )


def _check_decided(case: PenaltyCase) -> None:
    first, again = (case.of(SIGNATURES[0]) for _ in range(2))
    require(
        np.array_equal(astuple(first), astuple(again), equal_nan=True),
        "expected the same model, example and key to give the same penalty, but they "
        f"gave {first.value:.6g} and {again.value:.6g}",
    )


PENALTY_LAWS = (
    Law("documented", "Says what it lowers, and whence it comes.", _check_documented),
    Law("finite", "Is finite, as its gradient is: at 0 it is none.", _check_finite),
    Law("generates", "The same where answers are generated.", _check_generated),
    Law("decided", "Model, example and key decide it.", _check_decided),
)
"""The laws of penalties."""
