"""Holding one entrant to all the laws of its kind, and telling as it goes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from ..tasks.files import DataFolder
from .laws import Law, Verdict, judge
from .metric_case import MetricCase
from .metric_laws import METRIC_LAWS
from .model_case import ModelCase
from .model_laws import MODEL_LAWS
from .penalty_case import PenaltyCase
from .penalty_laws import PENALTY_LAWS
from .task_case import TaskCase
from .task_laws import TASK_LAWS
from .trainer_case import TrainerCase
from .trainer_laws import TRAINER_LAWS
from .watchdog import Watchdog


def check_model(
    name: str,
    settings: Mapping[str, Any] | None = None,
    watchdog: Watchdog | None = None,
) -> Iterator[Verdict]:
    """Returns the verdicts on a model, each as soon as it is reached.

    Without a watchdog a law takes as long as it takes.

    Raises:
        UnknownName: no model carries the name.
        ValueError: the model has no setting of that name.
    """
    case = ModelCase(name, settings)
    return _judged((RUNS, *MODEL_LAWS), case, watchdog)


def check_task(
    name: str,
    settings: Mapping[str, Any] | None = None,
    data: DataFolder | None = None,
    watchdog: Watchdog | None = None,
) -> Iterator[Verdict]:
    """Returns the verdicts on a task, each as soon as it is reached.

    Where a file of the task is missing, the laws about its rows are not judged and
    their verdicts say why. Without `data` nothing is downloaded, without a watchdog a
    law takes as long as it takes.

    Raises:
        UnknownName: no task carries the name.
        ValueError: the task has no setting of that name.
    """
    case = TaskCase(name, settings, data)
    return _judged((RUNS, *TASK_LAWS), case, watchdog)


def check_trainer(
    name: str,
    settings: Mapping[str, Any] | None = None,
    watchdog: Watchdog | None = None,
) -> Iterator[Verdict]:
    """Returns the verdicts on a trainer, of runs of a few steps of a small model.

    Raises:
        UnknownName: no trainer carries the name.
        ValueError: the trainer has no setting of that name.
    """
    case = TrainerCase(name, settings)
    return _judged((RUNS, *TRAINER_LAWS), case, watchdog)


def check_metric(name: str, watchdog: Watchdog | None = None) -> Iterator[Verdict]:
    """Returns the verdicts on a metric, of made-up answers.

    Raises:
        UnknownName: no metric carries the name.
    """
    return _judged((RUNS, *METRIC_LAWS), MetricCase(name), watchdog)


def check_penalty(name: str, watchdog: Watchdog | None = None) -> Iterator[Verdict]:
    """Returns the verdicts on a penalty, of a small network.

    Raises:
        UnknownName: no penalty carries the name.
    """
    return _judged((RUNS, *PENALTY_LAWS), PenaltyCase(name), watchdog)


RUNS = Law(
    "runs",
    "Can be made, and gives what its kind has to give.",
    lambda case: case.require_sound(),
)
"""What stands before all laws: where it is broken, they would tell the same again."""


def _judged(
    laws: Sequence[Law], case: Any, watchdog: Watchdog | None
) -> Iterator[Verdict]:
    """Yields the verdicts; only one of substance where `RUNS`, before all, is broken.

    Where it holds, or cannot be judged for lack of data, the laws after it say so.
    """
    for law in laws:
        with watchdog.over(law) if watchdog else nullcontext():
            verdict = judge(law, case)
        if law is not RUNS:
            yield verdict
        elif verdict.passed is False:
            yield verdict
            for other in laws[1:]:
                reason = "it cannot be run yet"
                yield Verdict(other.name, other.statement, None, reason, 0.0)
            return
