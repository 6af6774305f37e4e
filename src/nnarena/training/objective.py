"""Loss and score of answers: of one example, of a batch, of a whole split."""

from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ..core.registry import UnknownName
from ..core.types import Example, Key, When
from ..metrics import METRICS, AbstractMetric, Mean
from ..metrics.base import merged
from ..models.base import AbstractModel
from ..models.decoder import taught
from ..models.supervised import AbstractSupervised
from ..nn.trace import Nudges, Trace
from ..tasks.base import AbstractTask
from .batches import Draws
from .losses import Loss


class Tally(eqx.Module):
    """The loss and the score of a split, each as a sum and what it is divided by.

    Scalars, or one per seed.
    """

    loss: Mean
    score: Mean

    @property
    def mean_loss(self) -> Float[Array, "*seeds"]:
        return self.loss.value

    @property
    def mean_score(self) -> Float[Array, "*seeds"]:
        return self.score.value

    @property
    def finite(self) -> Bool[Array, "*seeds"]:
        """Whether every answer was: a single one that is not leaves no mean."""
        return jnp.isfinite(self.mean_loss) & jnp.isfinite(self.mean_score)


class Judged(eqx.Module):
    """What loss and metric keep of one example, or of many with a leading axis."""

    loss: Mean
    statistics: PyTree[Array]


class Objective(eqx.Module):
    """What answers are judged by: the loss that training lowers, and the metric."""

    loss: Loss
    metric: AbstractMetric
    answers: When = eqx.field(static=True, default="once")

    def judge(
        self, answers: Array, example: Example, *, forced: Array | None = None
    ) -> Judged:
        """Returns what is kept of the answers to one example.

        `forced` are generated answers given the right ones before each: then the loss
        is theirs, and so is a likelihood.
        """
        truth = example.targets, example.judged(self.answers)
        if forced is None:
            loss = self.loss.sums(answers, *truth)
            return Judged(loss, self.metric.statistics(answers, *truth))
        shown = forced if self.metric.likelihood else answers
        loss = self.loss.sums(forced, *truth)
        sound = jnp.all(jnp.isfinite(answers), axis=-1)
        total = jnp.where(jnp.all(sound, where=truth[1]), loss.total, jnp.nan)
        loss = Mean(total, loss.weight)
        return Judged(loss, self.metric.statistics(shown, *truth))

    def tally(self, judged: Judged) -> Tally:
        """Returns the loss and the score of examples.

        An answer that is not finite leaves no score: the largest of NaNs would be
        class 0.

        Args:
            judged: with a leading axis of examples.
        """
        loss = jax.tree.map(jnp.sum, judged.loss)
        score = self.metric.score(merged(self.metric, judged.statistics))
        total = jnp.where(jnp.isnan(loss.total), jnp.nan, score.total)
        return Tally(loss, Mean(total.astype(score.total.dtype), score.weight))


def objective_of(task: AbstractTask) -> Objective:
    """Returns the loss and the metric of a task, by its scoring.

    Raises:
        ValueError: no metric carries the name that the task gives, or it or the loss
            cannot judge the task's answers.
    """
    scoring, outputs = task.scoring, task.signature.outputs
    try:
        make = cast(type[AbstractMetric], METRICS[scoring.metric].make)
    except UnknownName as unknown:
        raise ValueError(
            f"{unknown}; one of your own is known once the task's file imports its file"
        ) from unknown
    if not isinstance(outputs, make.judges):
        able = " and ".join(judged.__name__.lower() for judged in make.judges)
        raise ValueError(
            f"{scoring.metric} judges {able}, not {type(outputs).__name__.lower()}: "
            "name another metric in the task's scoring"
        )
    return Objective(Loss(outputs, scoring), make(outputs), task.signature.answers)


def example_of(task: AbstractTask, row: Any) -> Example:
    """Returns the example of a row; a row may be one already.

    Held-out rows of a synthetic task are drawn once, not at every check.
    """
    return row if isinstance(row, Example) else task.example(row)


def row_judged(
    model: AbstractModel, task: AbstractTask, objective: Objective, row: Any
) -> Judged:
    """Returns what is kept of a model's answers to the example of one row."""
    example = example_of(task, row)
    answers = taught(model, task.signature, example)
    if task.signature.generated is None:
        return objective.judge(answers, example)
    return objective.judge(model(*example.asked), example, forced=answers)


def row_loss(
    model: AbstractModel, task: AbstractTask, row: Any, *, key: Key | None = None
) -> Mean:
    """Returns the sums of the loss of one row, which is the model's own if it has one.

    With a key the model answers as in training, where it may draw.
    """
    example = example_of(task, row)
    if isinstance(model, AbstractSupervised):
        return Mean(model.own_loss(example, key=key), jnp.ones(()))
    signature = task.signature
    loss = Loss(signature.outputs, task.scoring)
    answers = taught(model, signature, example, key=key)
    return loss.sums(answers, example.targets, example.judged(signature.answers))


def selected_by(
    task: AbstractTask, loss: Array, score: Array
) -> Float[Array, "*seeds"]:
    """Returns what the best weights have least of: the validation loss.

    The loss of generated answers is that of forced ones. Those are selected by their
    score, for which the model is fed its own; a higher one has its sign turned.
    """
    if task.signature.generated is None:
        return loss
    return -score if task.scoring.higher_is_better else score


def batch_loss(
    model: AbstractModel,
    task: AbstractTask,
    rows: PyTree,
    *,
    keys: Draws | None = None,
) -> Float[Array, ""]:
    """Returns the loss of a batch of rows, which training lowers.

    `keys` are those of training, one for each row.
    """
    losses = jax.vmap(lambda row, key: row_loss(model, task, row, key=key))(rows, keys)
    return jax.tree.map(jnp.sum, losses).value


def watched_loss(
    model: AbstractModel,
    task: AbstractTask,
    rows: PyTree,
    nudges: Nudges,
    *,
    keys: Draws,
) -> tuple[Float[Array, ""], Trace]:
    """Returns the loss of a batch of rows, and what the model did on each.

    `nudges` and the traces lead with an axis of rows. The model names its cells, and
    answers as in training.
    """
    traced: Any = model.trace
    loss = Loss(task.signature.outputs, task.scoring)

    def sums(row: Any, nudge: Nudges, key: Key) -> tuple[Mean, Trace]:
        example = example_of(task, row)
        trace = traced(*example.asked, nudges=nudge, key=key)
        judged = example.judged(task.signature.answers)
        return loss.sums(trace.answers, example.targets, judged), trace

    losses, traces = jax.vmap(sums)(rows, nudges, keys)
    return jax.tree.map(jnp.sum, losses).value, traces


def rows_judged(model: AbstractModel, task: AbstractTask, rows: PyTree) -> Judged:
    """Returns what is kept of the answers to each of a batch of rows."""
    objective = objective_of(task)
    return jax.vmap(lambda row: row_judged(model, task, objective, row))(rows)


def batch_size(count: int, batch: int) -> int:
    """Returns how many of a split's rows are answered at a time: about `batch`.

    A number that divides the split is taken where there is one, since a remainder would
    be compiled as a second copy of the model.
    """
    divisors = [size for size in range(batch // 2, 2 * batch + 1) if count % size == 0]
    return divisors[-1] if divisors else batch


def evaluate(
    model: AbstractModel, task: AbstractTask, rows: PyTree, *, batch: int
) -> Tally:
    """Returns the loss and the score of a whole split, about `batch` rows at a time."""
    objective = objective_of(task)
    judged = jax.lax.map(
        lambda row: row_judged(model, task, objective, row),
        rows,
        batch_size=batch_size(jax.tree.leaves(rows)[0].shape[0], batch),
    )
    return objective.tally(judged)
