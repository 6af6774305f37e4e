"""Asking the trained models of a store: which runs, which tasks, and what came out.

inquiry = open_inquiry("results", on=["add(length=400)"])
for event in inquiry.run(): ...
inquiry.answers()
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..analysis.evaluations import Evaluated, evaluated
from ..analysis.words import listed
from ..core.problems import CannotPlay, SuiteProblem, UserProblem
from ..core.registry import UnknownName
from ..runs.evaluations import (
    evaluation_key,
    missing_evaluations,
    read_evaluations,
)
from ..runs.record import Entrant, Record
from ..runs.store import AbstractStore, open_store
from ..tasks import TASKS
from . import provenance
from .choosing import is_chosen, tables as tables_of
from .entrants import task_like
from .evaluator import Evaluator, ask
from .events import Event
from .plan import Assembled
from .plugins import bring
from .programs import use_compilation_cache
from .restore import job_of, reassemble
from .words import Chosen, chosen, resolve_files, split_words


@dataclass(frozen=True)
class Wanted:
    """A finished run, what its names stand for, and the tasks that it is asked.

    With `itself` its own task is among what `--on` names; its record holds that score.
    """

    record: Record
    parts: Assembled
    tasks: tuple[Entrant, ...]
    itself: bool = False

    @property
    def pairs(self) -> list[tuple[str, Entrant]]:
        """What its evaluations are known by."""
        return [(self.record.key, task) for task in self.tasks]


@dataclass(frozen=True)
class Inquiry:
    """The finished runs of a store that are asked something, program by program.

    `left_out` are the runs that cannot be restored, and why, `diverged` those that have
    no model to be asked and count as blind answers.
    """

    store: AbstractStore
    wanted: tuple[Wanted, ...]
    left_out: tuple[tuple[Record, str], ...] = ()
    diverged: tuple[Record, ...] = ()

    @property
    def missing(self) -> list[tuple[str, Entrant]]:
        """The runs' keys and the tasks of which no evaluation is kept yet."""
        pairs = [pair for one in self.wanted for pair in one.pairs]
        return missing_evaluations(self.store, pairs)

    def run(self, stopping: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Does the evaluations that are missing, and tells of each.

        Raises:
            StoreProblem: the store cannot be written.
        """
        use_compilation_cache()
        evaluator = Evaluator(provenance.data_folder(), "in process")
        lacking: dict[str, list[Entrant]] = {}
        for key, task in self.missing:
            lacking.setdefault(key, []).append(task)
        for one in self.wanted:
            own = {
                "evaluate": tuple(lacking.get(one.record.key, ())),
                "plugins": one.record.provenance.plugins,
            }
            job = job_of(one.record).model_copy(update=own)
            yield from ask(job, self.store, evaluator, stopping, parts=one.parts)

    def answers(self) -> Evaluated:
        """Returns what came out so far, and the runs' own scores."""
        asked = {evaluation_key(*pair) for one in self.wanted for pair in one.pairs}
        records = [one.record for one in self.wanted]
        found = read_evaluations(self.store, {record.key for record in records})
        kept = [one for one in found if one.key in asked]
        return evaluated([*records, *self.diverged], kept)


def open_inquiry(
    results: str | Path,
    on: Sequence[str],
    *,
    models: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    plugins: Sequence[str] = (),
) -> Inquiry:
    """Returns what the finished runs of a store are asked.

    A run is asked the tasks of `on` that have the name of its own; the settings that a
    word does not name are as in its own task. `models` and `tasks` choose runs: by
    name, or by name and the settings in parentheses.

    Raises:
        UnknownName, SuiteProblem: a word names nothing, or no finished run.
        FileNotFoundError, BrokenFile: there is no such plug-in, or it breaks.
    """
    asked, files = resolve_files(split_words(on), "tasks")
    of_models, more = tables_of(models, "models")
    of_tasks, most = tables_of(tasks, "tasks")
    _ = bring([*plugins, *files, *more, *most])
    questions = [dict(chosen(word)) for word in asked]
    names = [question.pop("name") for question in questions]
    store = open_store(results)
    ended = [record for record in store if record.result.outcome != "failed"]
    records = [
        record
        for record in ended
        if record.identity.task.name in names and is_chosen(record, of_models, of_tasks)
    ]
    finished = [record for record in records if record.result.outcome == "finished"]
    there = {record.identity.task.name for record in finished}
    lost = [name for name in names if name not in there]
    if lost or not names:
        raise _nothing(results, lost, ended)
    pairs = list(zip(names, questions, strict=True))
    wanted, left_out = _restored(finished, pairs)
    if wanted and not any(one.tasks for one in wanted):
        raise SuiteProblem(
            f"--on {listed(list(on))}: the runs were trained on that itself, and their "
            "records hold the scores; name another value of a setting"
        )
    diverged = [record for record in records if record.result.outcome == "diverged"]
    return Inquiry(store, tuple(wanted), tuple(left_out), tuple(diverged))


def evaluate(
    results: str | Path,
    on: str | Sequence[str],
    *,
    models: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    plugins: Sequence[str] = (),
) -> Evaluated:
    """Asks the trained models of a folder the test sets of other tasks.

    What is there already is not done again. Runs whose entrants are not here are left
    out; `arena evaluate` tells which.

        nnarena.evaluate("results", on="add(length=400)")
        nnarena.evaluate("results", on=["copy(delay=40)", "copy(delay=80)"])

    Raises:
        UnknownName, SuiteProblem, FileNotFoundError, BrokenFile: as `open_inquiry`, or
            no run can be restored.
        RuntimeError: an evaluation broke; the others are kept.
    """
    words = [on] if isinstance(on, str) else on
    inquiry = open_inquiry(results, words, models=models, tasks=tasks, plugins=plugins)
    if not inquiry.wanted:
        raise SuiteProblem(inquiry.left_out[0][1])
    broken = [event for event in inquiry.run() if event.kind == "unanswered"]
    if broken:
        raise RuntimeError(f"{len(broken)} evaluations broke: {broken[0].text}")
    return inquiry.answers()


def _restored(
    records: Sequence[Record], questions: Sequence[tuple[str, Chosen]]
) -> tuple[list[Wanted], list[tuple[Record, str]]]:
    """Returns the runs with what they are asked, and those that are not available.

    Those of one program stand together, so that its tests are compiled once.

    Raises:
        SuiteProblem: a task has no such setting, or it does not take the value.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(job_of(record).program, []).append(record)
    wanted, left_out = [], []
    for own in groups.values():
        own.sort(key=lambda record: record.identity.seed)
        try:
            parts = reassemble(own[0])
        except (UnknownName, ValueError, CannotPlay) as error:
            left_out += [(record, str(error)) for record in own]
            continue
        tasks = _asked(own[0].identity.task, questions)
        others = tuple(task for key, task in tasks.items() if key)
        wanted += [Wanted(record, parts, others, "" in tasks) for record in own]
    return wanted, left_out


def _asked(own: Entrant, questions: Sequence[tuple[str, Chosen]]) -> dict[str, Entrant]:
    """Returns what runs of a task are asked, each once; "" is what they trained on.

    Raises:
        SuiteProblem: the task has no such setting, or it does not take the value.
    """
    found: dict[str, Entrant] = {}
    itself = evaluation_key("", own)
    for name, changes in questions:
        if name == own.name:
            try:
                task = task_like(own, changes)
            except ValueError as error:
                raise SuiteProblem(f"--on {name}: {error}") from error
            key = evaluation_key("", task)
            found["" if key == itself else key] = task
    return found


def _nothing(
    results: str | Path, names: Sequence[str], ended: Sequence[Record]
) -> UserProblem:
    """Returns why there is no run to ask."""
    if not names:
        return SuiteProblem('say what is asked: --on "NAME(setting=value)"')
    finished = [record for record in ended if record.result.outcome == "finished"]
    there = sorted({record.identity.task.name for record in finished})
    if not there:
        return SuiteProblem(
            f"there are no finished runs in {results}; `arena run` makes some"
        )
    for name in names:
        if name not in there and name not in TASKS:
            return UnknownName("task", name, sorted({*there, *(e.name for e in TASKS)}))
    return SuiteProblem(
        f"no finished run in {results} is on {listed(names, 'or')} and is what -m and "
        f"-t choose; there are runs on: {', '.join(there)}"
    )
