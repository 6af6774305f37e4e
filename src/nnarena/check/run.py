"""Holding one entrant to all the laws of its kind, and telling as it goes."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..tasks.files import DataFolder
from .laws import Verdict, judge
from .model_case import ModelCase
from .model_laws import MODEL_LAWS
from .task_case import TaskCase
from .task_laws import TASK_LAWS


def check_model(
    name: str, settings: Mapping[str, Any] | None = None
) -> Iterator[Verdict]:
    """Returns the verdicts on a model, each as soon as it is reached.

    Raises:
        UnknownName: no model carries the name.
        ValueError: the model has no setting of that name.
    """
    case = ModelCase(name, settings)
    return (judge(law, case) for law in MODEL_LAWS)


def check_task(
    name: str,
    settings: Mapping[str, Any] | None = None,
    data: DataFolder | None = None,
) -> Iterator[Verdict]:
    """Returns the verdicts on a task, each as soon as it is reached.

    Where a file of the task is missing, the laws about its rows are not judged and
    their verdicts say why. Without `data` nothing is downloaded.

    Raises:
        UnknownName: no task carries the name.
        ValueError: the task has no setting of that name.
    """
    case = TaskCase(name, settings, data)
    return (judge(law, case) for law in TASK_LAWS)
