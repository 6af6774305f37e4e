"""Asking trained models the test sets of other tasks than their own.

A model is what it was trained as; only what it is asked is another. Whether it has an
answer is found by tracing it: a table of positions that is too short, or inputs of
another size, is an outcome with its reason, as a score is.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.stages import Compiled

from ..analysis.labels import entrant_labels
from ..core.problems import StoreProblem, UserProblem
from ..core.types import Generated, Signature
from ..runs.evaluations import Evaluation, keep_evaluation, missing_evaluations
from ..runs.record import Entrant, Provenance
from ..runs.store import AbstractStore
from ..tasks.base import AbstractTask, Rows
from ..tasks.files import DataFolder
from ..training.base import Build, traced_test, tree_from_paths, weight_shapes
from . import provenance
from .entrants import task_of
from .events import Event
from .keeping import add_to_log, writing
from .ledger import finite, now, why_not_finite
from .plan import Assembled, Job, assemble
from .programs import peeks, require_values_of, task_splits


class CannotBeAsked(Exception):
    """A trained model has no answer to a task; the message is the reason."""


@dataclass(frozen=True)
class Question:
    """A task with its test rows, and the compiled test of a model on them.

    `build` makes the model as it is asked. Where it has no answer to such a task there
    is a reason in the place of a test.
    """

    task: AbstractTask
    rows: Rows
    build: Build
    test: Compiled | None
    reason: str | None = None


class Evaluator:
    """Evaluates trained models, and keeps the compiled tests of one for all its seeds.

    Nothing is trained, and no record is changed.
    """

    def __init__(self, data: DataFolder, executor: str):
        self.data, self.executor = data, executor
        self._program = ""
        self._questions: dict[str, Question] = {}

    def evaluate(
        self, job: Job, parts: Assembled, store: AbstractStore, task: Entrant
    ) -> Evaluation:
        """Returns what the trained model of a run answers to the test set of a task.

        Args:
            job: the run, which is done.
            parts: what its names stand for.
            store: where its weights are.
            task: what is asked.

        Raises:
            UnknownName, ValueError: the task is not here, or of another version, or the
                weights do not fit the model.
            FileNotFoundError: the store has no weights of the run.
            DataProblem: a file of real data is missing or wrong.
            EntrantProblem: a user's task has rows that cannot be scored.
        """
        begun = now()
        question = self._question(job, parts, task)
        return Evaluation(
            run=job.key,
            task=task,
            axis=question.task.axis,
            scoring=question.task.scoring,
            **_answer(question, store, job.key),
            provenance=Provenance(
                started_at=begun,
                finished_at=now(),
                versions=provenance.versions(),
                commit=provenance.commit(),
                hardware=provenance.hardware(),
                executor=self.executor,
                plugins=job.plugins,
            ),
        )

    def _question(self, job: Job, parts: Assembled, task: Entrant) -> Question:
        if self._program != job.program:
            self._questions = {}  # frees the tests of another model first
            self._program = job.program
        name = task.model_dump_json()
        if name not in self._questions:
            self._questions[name] = self._compiled(parts, task)
        return self._questions[name]

    def _compiled(self, parts: Assembled, task: Entrant) -> Question:
        asked = task_of(task)
        asking = replace(parts, task=asked)
        splits = task_splits(asking, task.name, self.data)
        require_values_of(asking, task.name, splits)
        rows = jax.tree.map(jnp.asarray, splits.test)
        try:
            _require_fit(parts, asked.signature)
            if (reason := peeks(asking, splits)) is not None:
                raise CannotBeAsked(reason)
            build = _build_for(parts, asked.signature)
            traced = traced_test(build, asked, rows)
        except Exception as error:  # a model may say in any way that it has no answer
            return Question(asked, rows, parts.build, None, _reason(error))
        return Question(asked, rows, build, traced.compile())


def _answer(question: Question, store: AbstractStore, key: str) -> dict[str, Any]:
    """Returns what comes out: the part of an evaluation that is computed."""
    if question.test is None:
        return {"outcome": "cannot be asked", "reason": question.reason}
    weights = tree_from_paths(weight_shapes(question.build), store.weights(key))
    tally = question.test(weights, question.rows)
    loss, score = float(tally.mean_loss), float(tally.mean_score)
    reason = why_not_finite(loss, score)
    return {
        "outcome": "diverged" if reason else "finished",
        "reason": reason,
        "loss": None if reason else finite(loss),
        "score": None if reason else finite(score),
        "rows": jax.tree.leaves(question.rows)[0].shape[0],
    }


def _require_fit(parts: Assembled, asked: Signature) -> None:
    """Returns if a model that plays one task can read another and answer it.

    Raises:
        CannotBeAsked: it cannot.
    """
    own = parts.task.signature
    for name in ("inputs", "outputs", "answers", "context"):
        was, now_ = getattr(own, name), getattr(asked, name)
        if was != now_ and not _differ_in_length(was, now_):
            raise CannotBeAsked(
                f"it was trained with {name} of {_told(was)}, and here they are of "
                f"{_told(now_)}"
            )
    shapes = parts.contender.shapes(own, parts.width)
    if asked.needs_causality and not shapes.causal:
        raise CannotBeAsked("its answers use later inputs, and the task forbids that")


def _differ_in_length(was: Any, now_: Any) -> bool:
    """Returns whether both are generated answers that start and stop alike."""
    both = isinstance(was, Generated) and isinstance(now_, Generated)
    return both and was == replace(now_, longest=was.longest)


def _build_for(parts: Assembled, asked: Signature) -> Build:
    """Returns what makes the model, with room for as many classes as are asked for.

    Weights do not depend on how many those are.
    """
    own = parts.task.signature
    if own.generated is None:
        return parts.build
    longer = replace(own, answers=asked.answers)
    return lambda key: parts.contender.build(longer, parts.width, key=key)


def _told(part: Any) -> str:
    if part is None or isinstance(part, str):
        return part or "none"
    if isinstance(part, Generated):
        return f"{part.longest} classes from {part.start} to {part.stop}, generated"
    return f"{part.size} {type(part).__name__.lower()}"


def _reason(error: Exception) -> str:
    """Returns what an error says, with its type if it was not written for users."""
    said = (str(error).strip().splitlines() or ["no more said"])[0]
    if isinstance(error, CannotBeAsked | ValueError | UserProblem):
        return said
    return f"{type(error).__name__}: {said}"


def unanswered(store: AbstractStore, jobs: Sequence[Job]) -> list[Job]:
    """Returns the finished jobs that lack evaluations, with what they lack alone.

    A run that diverged has no model to be asked.
    """
    records = store.records(job.key for job in jobs if job.evaluate)
    wanted = [
        (job.key, task)
        for job in jobs
        if job.key in records and records[job.key].result.outcome == "finished"
        for task in job.evaluate
    ]
    lacking: dict[str, list[Entrant]] = {}
    for key, task in missing_evaluations(store, wanted):
        lacking.setdefault(key, []).append(task)
    return [
        job.model_copy(update={"evaluate": tuple(lacking[job.key])})
        for job in jobs
        if job.key in lacking
    ]


def ask(
    job: Job,
    store: AbstractStore,
    evaluator: Evaluator,
    stopping: Callable[[], bool] = lambda: False,
    *,
    parts: Assembled | None = None,
) -> Iterator[Event]:
    """Asks the model of a done run all tasks of its job, and keeps the answers.

    Each is reported when it is begun and when it has ended: answered, or unanswered
    because something broke, which may go better next time.

    Raises:
        StoreProblem: the store cannot be written.
    """
    for task in job.evaluate:
        if stopping():
            return
        label = f"{job.identity.label}, asked {_label(job, task)}"
        yield Event(kind="asked", key=job.key, figures={"seconds": 0.0}, text=label)
        try:
            found = evaluator.evaluate(job, parts or assemble(job), store, task)
            with writing():
                keep_evaluation(store, found)
            text = f"{label}: {outcome_text(found)}"
            yield Event(kind="answered", key=job.key, text=text)
        except StoreProblem:
            raise
        except Exception as error:  # an entrant may raise anything; the others go on
            if not isinstance(error, UserProblem | FileNotFoundError):
                add_to_log(store, job.key, traceback.format_exc())
            text = f"{label}: {_reason(error)}"
            yield Event(kind="unanswered", key=job.key, text=text)


def _label(job: Job, task: Entrant) -> str:
    return entrant_labels([job.identity.task, task])[1]


def outcome_text(found: Evaluation) -> str:
    """Returns what came out: "accuracy 0.93", or why there is none."""
    if found.score is None:
        return f"{found.outcome}: {found.reason}"
    return f"{found.scoring.metric} {found.score:.4g}"
