"""The conformance laws: what every entrant of a kind must do, tested by itself.

    for verdict in check_model("lstm"):
        print(verdict.law, verdict.passed, verdict.detail)

`arena check NAME` and the tests of this package hold entrants to the same laws, so
that an entrant from outside can be tested by its author. Nothing here prints or reads
the environment.
"""

from .laws import Law, LawBroken, NotJudged, Verdict, judge
from .metric_case import MetricCase
from .metric_laws import METRIC_LAWS
from .model_case import ModelCase
from .model_laws import MODEL_LAWS
from .penalty_case import PenaltyCase
from .penalty_laws import PENALTY_LAWS
from .run import check_metric, check_model, check_penalty, check_task, check_trainer
from .task_case import TaskCase
from .task_laws import TASK_LAWS
from .trainer_case import TrainerCase
from .trainer_laws import TRAINER_LAWS
from .watchdog import Watchdog


__all__ = [
    "METRIC_LAWS",
    "MODEL_LAWS",
    "PENALTY_LAWS",
    "TASK_LAWS",
    "TRAINER_LAWS",
    "Law",
    "LawBroken",
    "MetricCase",
    "ModelCase",
    "NotJudged",
    "PenaltyCase",
    "TaskCase",
    "TrainerCase",
    "Verdict",
    "Watchdog",
    "check_metric",
    "check_model",
    "check_penalty",
    "check_task",
    "check_trainer",
    "judge",
]
