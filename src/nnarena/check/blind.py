"""Answers that need no model: the blind one and the perfect one, and their scores."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.types import Classes, Example, Sequence, Signature
from ..training.objective import Tally, tally
from .quick import quick_jit
from .task_case import Answers


Scores = Float[np.ndarray, " rows"]

BLOCKS = 20
"""Into how many blocks of neighbors rows are cut to see whether they depend."""


def blind_scores(
    seen: Answers, truth: Answers, signature: Signature
) -> list[tuple[Scores, Scores]]:
    """Returns the scores, and counts, of every way to answer without looking.

    The answers are chosen by those `seen` and held against the truth of other rows:
    one answer for all steps and, where there are steps, one for each of them.
    """
    return [
        _scores(_tally_alike(answer, *_arrays(truth), signature))
        for answer in _blind_answers(seen, signature)
    ]


def perfect_scores(truth: Answers, signature: Signature) -> tuple[Scores, Scores]:
    """Returns the scores, and counts, of the targets themselves taken as answers."""
    return _scores(_tally_perfect(*_arrays(truth), signature))


def own_scores(
    answers: Float[np.ndarray, "rows ..."], truth: Answers, signature: Signature
) -> tuple[Scores, Scores]:
    """Returns the scores, and counts, of rows that each have an answer of their own."""
    given = jnp.asarray(answers)
    return _scores(_tally_each(given, *_arrays(truth), signature))


def ratio(scores: Scores, counts: Scores) -> tuple[float, float]:
    """Returns the score per answer and its standard error.

    Answers of one row may depend on each other, so that rows, not answers, are what
    is drawn: the error is that of a ratio of two sums over rows. Rows of one recording
    depend on each other too, and follow each other: where sums over blocks of
    neighbors vary more than independent rows would, theirs is the error.
    """
    mean = scores.sum() / counts.sum()
    residuals = scores - mean * counts
    blocks = [part.sum() for part in np.array_split(residuals, BLOCKS)]
    error = max(_error_of_sum(residuals), _error_of_sum(np.array(blocks)))
    return float(mean), float(error / counts.sum())


def _error_of_sum(parts: Float[np.ndarray, " parts"]) -> float:
    """Returns the standard error of the sum of parts whose mean is 0."""
    return float(np.sqrt((parts**2).sum() * len(parts) / max(1, len(parts) - 1)))


def _blind_answers(seen: Answers, signature: Signature) -> list[Array]:
    """Returns the shares of the classes (the largest is the answer) or mean values."""
    totals, counted = _totals(seen, signature)
    overall = totals.sum(axis=0, keepdims=True) / counted.sum()
    if signature.answers == "once":
        return [jnp.asarray(overall[0], jnp.float32)]
    per_step = np.where(counted > 0, totals / np.maximum(counted, 1), overall)
    constant = np.broadcast_to(overall, per_step.shape)
    return [jnp.asarray(answer, jnp.float32) for answer in (constant, per_step)]


def _totals(
    seen: Answers, signature: Signature
) -> tuple[Float[np.ndarray, "time outputs"], Float[np.ndarray, "time 1"]]:
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


def _arrays(answers: Answers) -> tuple[Array, Array]:
    return jnp.asarray(answers.targets), jnp.asarray(answers.counts)


def _scores(tallies: Tally) -> tuple[Scores, Scores]:
    return np.asarray(tallies.score, float), np.asarray(tallies.count, float)


@quick_jit
def _tally_alike(
    answer: Array, targets: Array, counts: Array, signature: Signature
) -> Tally:
    """Returns the tally of every row, all of them answered alike."""

    def one(row: tuple[Array, Array]) -> Tally:
        return tally(answer, _example(*row), signature)

    return jax.lax.map(one, (targets, counts), batch_size=64)


@quick_jit
def _tally_each(
    answers: Array, targets: Array, counts: Array, signature: Signature
) -> Tally:
    """Returns the tally of every row by its own answer."""

    def one(row: tuple[Array, Array, Array]) -> Tally:
        answer, *truth = row
        return tally(answer, _example(*truth), signature)

    return jax.lax.map(one, (answers, targets, counts), batch_size=64)


@quick_jit
def _tally_perfect(targets: Array, counts: Array, signature: Signature) -> Tally:
    """Returns the tally of every row, each answered by its target."""
    classes = isinstance(signature.outputs, Classes)

    def one(row: tuple[Array, Array]) -> Tally:
        sure = 1e4 * jax.nn.one_hot(row[0], signature.outputs.size) if classes else None
        return tally(row[0] if sure is None else sure, _example(*row), signature)

    return jax.lax.map(one, (targets, counts), batch_size=64)


def _example(targets: Array, counts: Array) -> Example:
    """Returns an example of the right length, whose inputs say nothing."""
    steps = counts.shape or (1,)
    return Example(Sequence(jnp.zeros((*steps, 1))), targets, counts)
