"""The laws that every metric obeys, whatever it measures."""

from dataclasses import replace

import numpy as np

from ..core.types import Outputs
from .documents import require_account
from .laws import Law, require
from .metric_case import ROWS, Drawn, MetricCase, draw


def _check_documented(case: MetricCase) -> None:
    require_account(case.entry)


def _check_counts(case: MetricCase) -> None:
    for outputs in case.kinds:
        drawn, other = draw(outputs), draw(outputs, seed=1)
        out = ~drawn.counts
        answers, targets = drawn.answers.copy(), drawn.targets.copy()
        answers[out], targets[out] = other.answers[out], other.targets[out]
        _require_equal(
            case,
            outputs,
            replace(drawn, answers=answers, targets=targets),
            "expected answers that do not count to change nothing",
        )


def _check_order(case: MetricCase) -> None:
    backwards = np.arange(ROWS)[::-1]
    for outputs in case.kinds:
        _require_equal(
            case,
            outputs,
            draw(outputs).rows(backwards),
            "expected the order of examples to change nothing",
        )


def _check_merges(case: MetricCase) -> None:
    twice = np.tile(np.arange(ROWS), 2)
    for outputs in case.kinds:
        _require_equal(
            case,
            outputs,
            draw(outputs).rows(twice),
            "expected a split put together of two equal parts to score what each does",
        )


def _check_finite(case: MetricCase) -> None:
    for outputs in case.kinds:
        drawn = draw(outputs)
        score = float(case.score(outputs, drawn).value)
        require(
            np.isfinite(score),
            f"{_told(outputs)}: expected a score of finite answers, but it is {score}",
        )
        answers = drawn.answers.copy()
        answers[tuple(np.argwhere(drawn.counts)[0])] = np.nan
        score = float(case.score(outputs, replace(drawn, answers=answers)).value)
        require(
            np.isnan(score),
            f"{_told(outputs)}: expected no score where an answer that counts is no "
            f"number, but it is {score:.4g}",
        )


def _check_nothing(case: MetricCase) -> None:
    for outputs in case.kinds:
        drawn = draw(outputs)
        nothing = replace(drawn, counts=np.zeros_like(drawn.counts))
        weight = float(case.score(outputs, nothing).weight)
        require(
            weight == 0.0,
            f"{_told(outputs)}: expected the weight 0 where no answer counts, as there "
            f"is not a score, but it is {weight:.4g}",
        )


def _require_equal(
    case: MetricCase, outputs: Outputs, other: Drawn, expected: str
) -> None:
    """Returns if other answers have the score of the drawn ones, within rounding."""
    both = (case.score(outputs, drawn) for drawn in (draw(outputs), other))
    ours, theirs = (float(score.value) for score in both)
    require(
        np.isclose(ours, theirs, rtol=1e-5, atol=1e-6),
        f"{_told(outputs)}: {expected}, but the score is {theirs:.6g}, not {ours:.6g}",
    )


def _told(outputs: Outputs) -> str:
    return f"{outputs.size} {type(outputs).__name__.lower()}"


METRIC_LAWS = (
    Law("documented", "Says what it measures, and whence it comes.", _check_documented),
    Law("counts", "Answers that do not count change nothing.", _check_counts),
    Law("order", "The order of examples changes nothing.", _check_order),
    Law("merges", "Parts of a split merge to the whole.", _check_merges),
    Law("finite", "Has no score where an answer is not a number.", _check_finite),
    Law("nothing", "Has the weight 0 where no answer counts.", _check_nothing),
)
"""The laws of metrics; the chance that a task states of one is the task's law."""
