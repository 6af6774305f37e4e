"""From a suite to its jobs: every run with its identity, before anything starts."""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from ..core.faults import blaming
from ..core.plugins import import_file
from ..core.problems import CannotPlay, UserProblem, first_problem
from ..core.scoring import Scoring
from ..core.types import Key, Signature
from ..models import MODELS, AbstractModel
from ..models.contender import Contender, count_parameters, fit_width
from ..models.inspection import require_contender
from ..runs.plans import Cell, Plan, Refusal, make_plan
from ..runs.record import Entrant, Identity, Plugin
from ..tasks import AbstractTask
from ..training import TRAINERS
from ..training.base import AbstractTrainer
from .config import ModelChoice, Suite, SuiteProblem, TaskChoice
from .entrants import (
    make_task,
    model_entrant,
    settings_of,
    task_entrant,
    task_like,
    task_of,
    trained_entrant,
)
from .recipes import CannotTrain, make_trainer, recipe_of, suite_recipe


class Job(BaseModel):
    """One run to be done, in a form that travels to a worker as JSON.

    `asked_parameters` is the budget that its width was solved for, None where the width
    was given. `evaluate` are other tasks whose test sets its trained model is asked;
    no key depends on them. `plugins` are files that register entrants from outside the
    package, and `copies` where they lie on this machine, by their paths, if not at
    those.
    """

    model_config = ConfigDict(frozen=True)

    identity: Identity
    family: str
    parameters: int
    asked_parameters: int | None = None
    scoring: Scoring
    axis: str | None = None
    evaluate: tuple[Entrant, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    copies: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.identity.key

    @property
    def program(self) -> str:
        """What runs share a compiled program: all but the seed."""
        return self.identity.model_copy(update={"seed": 0}).key


@dataclasses.dataclass(frozen=True)
class Assembled:
    """The objects that a job's names stand for."""

    contender: Contender
    task: AbstractTask
    trainer: AbstractTrainer
    width: int

    def build(self, key: Key) -> AbstractModel:
        """Returns the contender with random weights."""
        return self.contender.build(self.task.signature, self.width, key=key)


def assemble(job: Job) -> Assembled:
    """Returns the objects that a job names, importing its plugins first.

    Raises:
        UnknownName: the model or the task is not registered here.
        ValueError: a part is of another version than the job's. A worker imports a
            plugin file long after the job was named, and it may have been edited.
    """
    for plugin in job.plugins:
        import_file(job.copies.get(plugin.path, plugin.path))
    identity = job.identity
    model, task, trainer = identity.model, identity.task, identity.trainer
    return Assembled(
        contender=Contender(model.name, settings_of(model, MODELS)),
        task=task_of(task),
        trainer=make_trainer(trainer.name, settings_of(trainer, TRAINERS)),
        width=identity.width,
    )


def make_jobs(suite: Suite, plugins: Sequence[Plugin] = ()) -> list[Job]:
    """Returns the jobs of a suite, as `plan_suite` does."""
    return plan_suite(suite, plugins)[0]


def plan_suite(
    suite: Suite, plugins: Sequence[Plugin] = ()
) -> tuple[list[Job], list[Refusal]]:
    """Returns the jobs of a suite, and the pairs of which there can be none.

    Seeds vary fastest, then tasks, then models. What a suite names twice is one job. On
    a task that needs causality a contender that has a setting for it is made causal.

    Raises:
        UnknownName: a model or task is not registered.
        SuiteProblem: settings that an entrant does not have, or a budget that a
            contender cannot meet.
        EntrantProblem: a user's entrant cannot be made.
    """
    try:
        _ = suite_recipe(suite)  # refused here, though every contender may have its own
        jobs: dict[str, Job] = {}
        refusals: dict[str, Refusal] = {}
        for model, task in itertools.product(suite.models, suite.tasks):
            try:
                for job in _cell_jobs(suite, model, task, tuple(plugins)):
                    jobs[job.key] = _also_asked(job, jobs.get(job.key))
            except CannotPlay as reason:
                refusal = _refusal(model, task, reason)
                refusals[refusal.pair] = refusal
        return list(jobs.values()), list(refusals.values())
    except ValidationError as error:
        place, what = first_problem(error)
        raise SuiteProblem(f"suite {suite.name}: {place} {what}") from error
    except UserProblem:
        raise
    except (ValueError, TypeError, ArithmeticError, ImportError) as error:
        what = str(error).partition("\n")[0]
        raise SuiteProblem(f"suite {suite.name}: {what}") from error


def by_program(jobs: Sequence[Job]) -> list[list[Job]]:
    """Returns the jobs in groups that share a compiled program, in their order."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.program, []).append(job)
    return list(groups.values())


def plan_of(
    name: str,
    jobs: Sequence[Job],
    refusals: Sequence[Refusal],
    workers: int,
    asked_at: str,
) -> Plan:
    """Returns what is kept of a request: its runs, and how many are to do them."""
    cells = [
        Cell(
            identity=group[0].identity,
            seeds=[job.identity.seed for job in group],
            metric=group[0].scoring.metric,
            evaluate=list(group[0].evaluate),
        )
        for group in by_program(jobs)
    ]
    return make_plan(name, workers, asked_at, cells, refusals)


def choose_width(suite: Suite, model: ModelChoice, signature: Signature) -> int:
    """Returns a contender's width on a task: its own, the suite's, or the budget's.

    Raises:
        CannotPlay: the signature rules the contender out.
        ValueError: the budget cannot be met.
    """
    if model.width == "outputs":
        return signature.outputs.size
    given = model.width or suite.width
    if given is not None:
        return given
    contender = Contender(model.name, model.settings).for_signature(signature)
    return fit_width(contender, signature, parameters=suite.parameters or 0)


def _cell_jobs(
    suite: Suite,
    model: ModelChoice,
    task: TaskChoice,
    plugins: tuple[Plugin, ...],
) -> list[Job]:
    """Returns the jobs of one model on one task, one per seed.

    Raises:
        CannotPlay: the task rules the model out, or its trainer does.
    """
    made = make_task(task)
    contender = Contender(model.name, model.settings).for_signature(made.signature)
    with _blaming(contender):
        width = choose_width(suite, model, made.signature)
        shapes = contender.shapes(made.signature, width)
    recipe = recipe_of(suite, model)
    reason = make_trainer(recipe.name, recipe.all_settings).accepts(shapes)
    if reason is not None:
        raise CannotTrain(recipe, reason)
    played = task_entrant(task, made)
    others = [task_like(played, changes) for changes in task.evaluate]
    trained = trained_entrant(contender, shapes, recipe)
    return [
        Job(
            identity=Identity(
                model=trained,
                width=width,
                task=played,
                trainer=recipe,
                seed=seed,
            ),
            family=contender.entry.family,
            parameters=count_parameters(shapes),
            asked_parameters=None if model.width else suite.parameters,
            scoring=made.scoring,
            axis=made.axis,
            evaluate=tuple(_each_once(other for other in others if other != played)),
            plugins=plugins,
        )
        for seed in suite.seeds
    ]


def _blaming(contender: Contender) -> contextlib.AbstractContextManager[None]:
    """Returns what tells the errors of a user's contender by file and line."""
    if not contender.entry.outside:
        return contextlib.nullcontext()
    require_contender(contender)
    return blaming(contender.entry.make, "__init__", "asked for its sizes")


def _also_asked(job: Job, other: Job | None) -> Job:
    """Returns a job that a suite may name twice, with all that it is asked."""
    if other is None:
        return job
    asked = _each_once([*other.evaluate, *job.evaluate])
    return job.model_copy(update={"evaluate": tuple(asked)})


def _each_once(tasks: Iterable[Entrant]) -> list[Entrant]:
    return list({task.model_dump_json(): task for task in tasks}.values())


def _refusal(model: ModelChoice, task: TaskChoice, reason: CannotPlay) -> Refusal:
    """Returns what is kept of a pair that cannot be run."""
    return Refusal(
        model=model_entrant(Contender(model.name, model.settings)),
        task=task_entrant(task, make_task(task)),
        trainer=reason.trainer if isinstance(reason, CannotTrain) else None,
        reason=str(reason),
    )
