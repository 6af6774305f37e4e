"""A user's metric, loss and penalties, traced on one example before training.

In a run they would break within a compiled program, or broadcast to a score that means
nothing.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.faults import blaming, is_real, require_sound as require, told
from ..core.registry import Entry
from ..core.seeds import key_shape
from ..core.types import Example
from ..metrics import METRICS, AbstractMean, AbstractMetric, Mean
from ..metrics.base import merged
from ..models.base import AbstractModel
from ..models.supervised import AbstractSupervised
from ..tasks.base import AbstractTask
from .flow import AbstractFlowPenalty
from .objective import objective_of
from .penalties import penalties_of


Shape = jax.ShapeDtypeStruct


def has_outside(task: AbstractTask, trainer: Any) -> bool:
    """Returns whether a user's metric or penalty takes part, which is to be tried."""
    metric = METRICS[task.scoring.metric]
    return any(entry.outside for entry in [metric, *_penalties(trainer)])


def _penalties(trainer: Any) -> Sequence[Entry]:
    return penalties_of({"penalties": getattr(trainer, "penalties", None)})


def require_metric(task: AbstractTask, example: Example) -> None:
    """Returns if the metric of a task, if it is a user's, scores its answers.

    Args:
        task: whose scoring names the metric.
        example: one of it, with shapes in place of arrays.

    Raises:
        EntrantProblem: it does not; with file and line.
    """
    if not METRICS[task.scoring.metric].outside:
        return
    signature, metric = task.signature, objective_of(task).metric
    counts: Any = eqx.filter_eval_shape(
        lambda example: example.judged(signature.answers), example
    )
    answers = Shape((*counts.shape, signature.outputs.size), jnp.float32)
    given = f"given answers of shape {answers.shape}"
    if isinstance(metric, AbstractMean):
        found = _traced(metric, "of_answers", given, answers, example.targets)
        require(
            is_real(found, counts.shape),
            type(metric),
            "of_answers",
            f"returned {told(found)} for {given.removeprefix('given ')}, but expected "
            f"is the score of each answer: shape {counts.shape} in float32",
        )
    kept = _traced(metric, "statistics", given, answers, example.targets, counts)
    _require_score(metric, kept)


def _require_score(metric: AbstractMetric, kept: Any) -> None:
    """Returns if a metric makes a mean of the statistics of two examples."""
    make = type(metric)
    two = jax.tree.map(lambda leaf: Shape((2, *leaf.shape), leaf.dtype), kept)
    with blaming(make, "score", "given the statistics of two examples"):
        found = eqx.filter_eval_shape(lambda s: metric.score(merged(metric, s)), two)
    sound = isinstance(found, Mean) and all(
        is_real(part, ()) for part in (found.total, found.weight)
    )
    require(
        sound,
        make,
        "score",
        f"returned {told(found)}, but expected is a Mean of two numbers of shape ()",
    )


def require_penalties(trainer: Any, model: AbstractModel, example: Example) -> None:
    """Returns if the penalties of a trainer that are a user's are numbers.

    Args:
        trainer: which may have a setting `penalties`.
        model: what they act on, with shapes in place of arrays.
        example: one of the task, with shapes too.

    Raises:
        EntrantProblem: one is not; with file and line.
    """
    for entry in _penalties(trainer):
        make: Any = entry.make
        if not entry.outside or issubclass(make, AbstractFlowPenalty):
            continue
        with blaming(make, "__init__", "made without settings"):
            penalty = make()
        with blaming(make, "__call__", "given a model and an example"):
            found = eqx.filter_eval_shape(
                lambda model, example, key, penalty=penalty: penalty(
                    model, example, key=key
                ),
                model,
                example,
                key_shape(),
            )
        require(
            is_real(found, ()),
            make,
            "__call__",
            f"returned {told(found)}, but expected is one number: shape () in float32",
        )


def require_own_loss(model: AbstractModel, example: Example) -> None:
    """Returns if the loss of a model that has one of its own is a number.

    Args:
        model: a contender with shapes in place of arrays.
        example: one of the task, with shapes too.

    Raises:
        EntrantProblem: it is not; with file and line.
    """
    if not isinstance(model, AbstractSupervised):
        return
    make = type(model)
    with blaming(make, "own_loss", "given an example"):
        found = eqx.filter_eval_shape(
            lambda model, example, key: model.own_loss(example, key=key),
            model,
            example,
            key_shape(),
        )
    require(
        is_real(found, ()),
        make,
        "own_loss",
        f"returned {told(found)}, but expected is one number: shape () in float32",
    )


def _traced(metric: AbstractMetric, method: str, given: str, *arrays: Any) -> Any:
    with blaming(type(metric), method, given):
        return eqx.filter_eval_shape(getattr(metric, method), *arrays)
