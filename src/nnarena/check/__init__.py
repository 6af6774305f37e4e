"""The conformance laws: what every model and every task must do, tested by itself.

    for verdict in check_model("lstm"):
        print(verdict.law, verdict.passed, verdict.detail)

`arena check NAME` and the tests of this package hold entrants to the same laws, so
that an entrant from outside can be tested by its author. Nothing here prints or reads
the environment.
"""

from .laws import Law, LawBroken, NotJudged, Verdict, judge
from .model_case import ModelCase
from .model_laws import MODEL_LAWS
from .run import check_model, check_task
from .task_case import TaskCase
from .task_laws import TASK_LAWS
from .watchdog import Watchdog


__all__ = [
    "MODEL_LAWS",
    "TASK_LAWS",
    "Law",
    "LawBroken",
    "ModelCase",
    "NotJudged",
    "TaskCase",
    "Verdict",
    "Watchdog",
    "check_model",
    "check_task",
    "judge",
]
