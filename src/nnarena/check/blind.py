"""Answers that need no model: the blind one and the perfect one, and their scores."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.types import (
    Classes,
    Example,
    Generated,
    Labels,
    Outputs,
    Sequence,
    Signature,
    Values,
)
from ..metrics import AbstractMean
from ..nn.decoding import SURE, ended
from ..training.objective import Judged, Objective, objective_of
from .quick import quick_jit
from .scored import Scored, scored
from .task_case import Answers, TaskCase


STANDARD_ERRORS = 4.0
"""How far a score may lie from what it should be: a false alarm in 16,000 checks."""

LUCK = 2.0
"""By how many standard errors a lot has to be better than an answer that is fixed."""

Steps = Float[np.ndarray, "time outputs"]


def blind_score(case: TaskCase) -> Scored:
    """Returns the score of the best way to answer without looking.

    The answers are chosen by those seen in training and held against the truth of the
    test: one answer for all steps and, where there are steps, one for each of them; of
    a forecast that nothing changes.

    Classes may also be drawn by lot, in their shares: by a metric of a whole split,
    such as macro F1, the best answers without looking may differ from row to row. A lot
    counts where it is better by more than luck.
    """
    task, truth = case.task, case.test_answers
    objective, signature = objective_of(task), task.signature
    shares = _shares(case.training_answers, signature)
    fixed = [
        scored(objective, _judge_alike(way, *_arrays(truth), objective))
        for answer in _fixed_answers(shares, case.training_answers, signature)
        for way in _ways_to_say(answer, objective)
    ]
    if case.persistence is not None:
        fixed.append(_own_score(case.persistence, truth, objective))
    sign = 1.0 if task.scoring.higher_is_better else -1.0
    best = max(fixed, key=lambda way: sign * way.score)
    fair = isinstance(objective.metric, AbstractMean)
    if fair or not isinstance(signature.outputs, Classes):
        return best
    lots = [_own_score(_drawn(own, truth), truth, objective) for own in shares]
    lucky = max(lots, key=lambda way: sign * way.score)
    ahead = sign * (lucky.score - best.score) > LUCK * lucky.error
    return lucky if ahead else best


def perfect_score(truth: Answers, objective: Objective) -> Scored:
    """Returns the score of the targets themselves taken as answers."""
    return scored(objective, _judge_perfect(*_arrays(truth), objective))


def _own_score(
    answers: Float[np.ndarray, "rows ..."], truth: Answers, objective: Objective
) -> Scored:
    """Returns the score of rows that each have an answer of their own."""
    given = jnp.asarray(answers)
    return scored(objective, _judge_each(given, *_arrays(truth), objective))


def _shares(seen: Answers, signature: Signature) -> list[Steps]:
    """Returns the shares of classes or labels, or the mean values: of all, by step.

    None is 0 or 1: what was not seen may still come.
    """
    totals, counted = _totals(seen, signature)
    extra = {Classes: (1, signature.outputs.size), Labels: (1, 2), Values: (0, 0)}
    more, others = extra[type(signature.outputs)]
    overall = (totals.sum(axis=0, keepdims=True) + more) / (counted.sum() + others)
    if signature.answers == "once":
        return [overall]
    there = np.maximum(counted + others, 1)
    per_step = np.where(counted > 0, (totals + more) / there, overall)
    return [np.broadcast_to(overall, per_step.shape), per_step]


def _fixed_answers(
    shares: list[Steps], seen: Answers, signature: Signature
) -> list[Array]:
    """Returns the logits of shares, or means and medians of values."""
    outputs = signature.outputs
    if isinstance(outputs, Classes):
        found = [np.log(own) for own in shares]
    elif isinstance(outputs, Labels):
        found = [np.log(own / (1 - own)) for own in shares]
        found.append(np.full_like(shares[0], SURE))  # all of them: F1's best guess
    else:
        found = shares + _medians(seen, signature)
    once = signature.answers == "once"
    return [jnp.asarray(own[0] if once else own, jnp.float32) for own in found]


def _ways_to_say(answer: Array, objective: Objective) -> list[Array]:
    """Returns the answers that stand for a blind one.

    A generated one ends where it stops, or is better off if it never does.
    """
    generated = objective.answers
    if not isinstance(generated, Generated) or objective.metric.likelihood:
        return [answer]
    return [ended(answer, generated), answer.at[:, generated.stop].set(-SURE)]


def _totals(
    seen: Answers, signature: Signature
) -> tuple[Steps, Float[np.ndarray, "time 1"]]:
    """Returns the sums of answers, and how many count, at every step (or the one)."""
    rows = len(seen.counts)
    counts = seen.counts.reshape(rows, -1).astype(float)
    time, size = counts.shape[1], signature.outputs.size
    if isinstance(signature.outputs, Classes):
        totals = np.zeros((time, size))
        steps = np.broadcast_to(np.arange(time), counts.shape)
        np.add.at(totals, (steps, seen.targets.reshape(rows, time)), counts)
    else:
        values = seen.targets.reshape(rows, time, size)
        totals = np.sum(values, axis=0, where=counts[..., None] > 0, dtype=float)
    return totals, counts.sum(axis=0)[:, None]


def _medians(seen: Answers, signature: Signature) -> list[Steps]:
    """Returns the medians of values: of all, and by step where there are steps."""
    rows = len(seen.counts)
    counts = seen.counts.reshape(rows, -1)
    values = seen.targets.reshape(*counts.shape, signature.outputs.size)
    overall = np.median(values[counts], axis=0)
    constant = np.broadcast_to(overall, values.shape[1:])
    if signature.answers == "once":
        return [constant]
    steps = [
        np.median(values[own, step], axis=0) if own.any() else overall
        for step, own in enumerate(counts.T)
    ]
    return [constant, np.stack(steps)]


def _drawn(shares: Steps, truth: Answers) -> Float[np.ndarray, "rows ..."]:
    """Returns answers of each row that are drawn by lot from the shares of classes."""
    size = shares.shape[1]
    chances = np.random.default_rng(0).random((*truth.counts.shape, 1))
    ends = shares.cumsum(axis=1)
    bounds = ends if truth.counts.ndim > 1 else ends[0]
    drawn = np.minimum((chances > bounds).sum(axis=-1), size - 1)
    return np.float32(SURE) * np.eye(size, dtype=np.float32)[drawn]


def _arrays(answers: Answers) -> tuple[Array, Array]:
    return jnp.asarray(answers.targets), jnp.asarray(answers.counts)


@quick_jit
def _judge_alike(
    answer: Array, targets: Array, counts: Array, objective: Objective
) -> Judged:
    """Returns what is kept of every row, all of them answered alike."""

    def one(row: tuple[Array, Array]) -> Judged:
        return objective.judge(answer, _example(*row))

    return jax.lax.map(one, (targets, counts), batch_size=64)


@quick_jit
def _judge_each(
    answers: Array, targets: Array, counts: Array, objective: Objective
) -> Judged:
    """Returns what is kept of every row by its own answer."""

    def one(row: tuple[Array, Array, Array]) -> Judged:
        answer, *truth = row
        return objective.judge(answer, _example(*truth))

    return jax.lax.map(one, (answers, targets, counts), batch_size=64)


@quick_jit
def _judge_perfect(targets: Array, counts: Array, objective: Objective) -> Judged:
    """Returns what is kept of every row, each answered by its target."""

    def one(row: tuple[Array, Array]) -> Judged:
        answer = _perfect(row[0], objective.loss.outputs)
        return objective.judge(answer, _example(*row))

    return jax.lax.map(one, (targets, counts), batch_size=64)


def _perfect(targets: Array, outputs: Outputs) -> Array:
    if isinstance(outputs, Classes):
        return SURE * jax.nn.one_hot(targets, outputs.size)
    if isinstance(outputs, Labels):
        return SURE * (2.0 * targets.astype(jnp.float32) - 1.0)
    return targets


def _example(targets: Array, counts: Array) -> Example:
    """Returns an example of the right length, whose inputs say nothing."""
    steps = counts.shape or (1,)
    return Example(Sequence(jnp.zeros((*steps, 1))), targets, counts)
