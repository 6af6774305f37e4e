"""Running a suite from Python or from the command line: the same few steps.

session = open_session(load_suite("quick"), results="results")
session = session.ready()
for event in session.run(): ...
leaderboard("results")
"""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from ..analysis.frame import runs_frame
from ..analysis.leaderboard import leaderboard as rank
from ..analysis.refused import refused_pairs
from ..analysis.standing import Leaderboard
from ..analysis.words import plural
from ..core.problems import CannotPlay, SuiteProblem
from ..runs.plans import Plan, Refusal, keep_plan, read_refusals
from ..runs.store import AbstractStore, open_store
from . import provenance
from .config import Suite, parse_suite
from .evaluator import unanswered
from .events import Event
from .executors import AbstractExecutor, InProcess
from .keeping import set_aside, writing
from .ledger import now
from .limits import NO_LIMITS, Limits
from .plan import Job, assemble, by_program, plan_of, plan_suite
from .plugins import bring
from .pool import WorkerPool
from .programs import (
    peeks,
    require_answers_of,
    require_values_of,
    task_splits,
    use_compilation_cache,
)
from .recipes import USUAL
from .words import chosen, in_words


POLL_SECONDS = 1.0
"""How often runs are looked at that another process is doing."""


@dataclass(frozen=True)
class Session:
    """The jobs of a suite and the address of the store that keeps their records.

    `refusals` are the pairs of the suite that cannot be run.
    """

    jobs: list[Job]
    results: str | Path
    name: str = "python"
    refusals: Sequence[Refusal] = ()

    @property
    def store(self) -> AbstractStore:
        return open_store(self.results)

    @property
    def pending(self) -> list[Job]:
        """The jobs without a final record; a failed run is tried again."""
        done = self.store.finished(job.key for job in self.jobs)
        return [job for job in self.jobs if job.key not in done]

    @property
    def unanswered(self) -> list[Job]:
        """The finished jobs that lack evaluations, with what they lack alone."""
        return unanswered(self.store, self.jobs)

    def ready(self) -> "Session":
        """Returns the session after a trial of what could fail; pairs may be refused.

        Once, before any work starts: the data of every pending task is read, each
        user's contender is traced on each of its tasks, and on a causal task every
        contender is asked whether it looks ahead, whatever it declares.

        Raises:
            DataProblem: a file is missing or wrong.
            EntrantProblem: a user's entrant is not what it has to be.
        """
        tasks: dict[str, list[Job]] = {}
        for job, *_ in by_program(self.pending):
            tasks.setdefault(job.identity.task.model_dump_json(), []).append(job)
        refusals = {refusal.pair: refusal for refusal in self.refusals}
        refused: set[str] = set()
        for jobs in tasks.values():
            first, name = assemble(jobs[0]), jobs[0].identity.task.name
            splits = task_splits(first, name, provenance.data_folder())
            require_values_of(first, name, splits)
            for job in jobs:
                assembled = assemble(job)
                require_answers_of(assembled, splits)
                if (reason := peeks(assembled, splits)) is not None:
                    model, task = job.identity.model, job.identity.task
                    refusal = Refusal(model=model, task=task, reason=reason)
                    refusals[refusal.pair] = refusal
                    refused.add(job.program)
        kept = [job for job in self.jobs if job.program not in refused]
        return dataclasses.replace(self, jobs=kept, refusals=list(refusals.values()))

    def run(
        self, workers: int | None = None, *, executor: AbstractExecutor | None = None
    ) -> Iterator[Event]:
        """Does the pending jobs; what is finished stays finished if this is stopped.

        Then the evaluations are done that earlier runs of the plan lack.

        `workers` processes, one per core by default; 0 does the work in this process;
        or whatever `executor` is given. Runs that another process is doing are
        waited for, and done here if it gives them up.

        Raises:
            StoreProblem: the results folder cannot be written.
        """
        executor = executor or choose_executor(self.results, workers)
        pending = self.pending
        lacking = self.unanswered
        if pending or lacking or self.refusals:
            self.keep_plan(executor.workers)  # here, where the folder may be refused
        yield from self._clear(pending)
        pending += lacking
        while pending and not executor.stopping:
            elsewhere: set[str] = set()
            for event in executor.run(pending):
                if event.kind == "elsewhere":
                    elsewhere.add(event.key)
                else:
                    yield event
            pending = [job for job in pending if job.key in elsewhere]
            if pending and not executor.stopping:
                runs = plural(len(pending), "run")
                text = f"waiting for {runs} that another process is doing"
                yield Event(kind="note", key=pending[0].key, text=text)
                pending = self._await(pending, executor)

    def keep_plan(self, workers: int) -> None:
        """Keeps what was asked for beside the records.

        Raises:
            StoreProblem: the results folder cannot be written.
        """
        with writing():
            keep_plan(self.store, self.plan(workers))

    def plan(self, workers: int) -> Plan:
        """Returns what is kept of the request; so many of its runs go on at once."""
        return plan_of(self.name, self.jobs, self.refusals, workers, now())

    def _clear(self, pending: Sequence[Job]) -> Iterator[Event]:
        """Sets aside what lies in the place of records to come and is none.

        What a kill left behind of a run that is done is removed.
        """
        store = self.store
        damaged = {Path(file).stem for file, _ in store.unreadable()}
        for job in pending:
            if job.key in damaged:
                yield from set_aside(store, "records", job)
        done = {job.key for job in self.jobs} - {job.key for job in pending}
        for key in done & {*store.keys("checkpoints"), *store.keys("progress")}:
            with contextlib.suppress(OSError):
                store.forget(key)

    def _await(self, jobs: list[Job], executor: AbstractExecutor) -> list[Job]:
        """Returns the jobs as soon as another process lets go of one of them."""
        store = self.store
        while not executor.stopping:
            for job in jobs:
                claim = store.claim(job.key)
                if claim is not None:
                    claim.release()
                    return jobs
            time.sleep(POLL_SECONDS)
        return jobs


def choose_executor(
    results: str | Path, workers: int | None = None, limits: Limits = NO_LIMITS
) -> AbstractExecutor:
    """Returns the executor that suits this machine's device.

    Raises:
        SuiteProblem: it cannot keep such limits, or there are less than no workers.
    """
    if workers is not None and workers < 0:
        raise SuiteProblem(f"workers must be 0 or more, not {workers}; 0: none")
    if workers is None and jax.default_backend() != "cpu":
        use_compilation_cache()
        return InProcess(results, axes=True, limits=limits)
    count = provenance.available_cores() if workers is None else workers
    if count == 0 or str(results).startswith("memory://"):  # known to this process only
        use_compilation_cache()
        return InProcess(results, limits=limits)
    return WorkerPool(results, count, limits)


def open_session(
    suite: Suite, results: str | Path, *, plugins: Sequence[str] = ()
) -> Session:
    """Returns the session of a suite.

    `plugins` are files that register entrants, beside those that the suite names; a
    relative path counts from this process's working folder, for workers too.

    Raises:
        UnknownName, SuiteProblem: the suite asks for what does not exist.
        FileNotFoundError: there is no such plugin.
    """
    jobs, refusals = plan_suite(suite, bring([*suite.plugins, *plugins]))
    return Session(jobs, results, suite.name, refusals)


def run(
    models: Sequence[str | dict[str, Any]],
    tasks: Sequence[str | dict[str, Any]],
    *,
    seeds: int | Sequence[int] = 5,
    parameters: int | None = 5_000,
    width: int | None = None,
    results: str | Path = "results",
    workers: int = 0,
    trainer: str | dict[str, Any] = USUAL,
    **settings: Any,
) -> Leaderboard:
    """Runs every model on every task over several seeds; returns the leaderboard.

    Models and tasks are words, as on the command line, or dictionaries of a name and
    its settings; `evaluate` in that of a task names other test sets of it, as in a
    suite file. The `trainer` is a word or dictionary too, and other keywords are its
    settings (`steps`, `learning_rate`, ...). Runs that the folder already holds are not
    repeated. What a script or notebook registers runs in this process alone; what a
    file registers, in `workers` too.

        nnarena.run(["lstm", "gru"], ["add(length=50)"], seeds=3)
        nnarena.run(["mine.py:fader(rate=0.2)", "gru"], ["mine.py"], workers=2)

    Raises:
        UnknownName, SuiteProblem: something asked for does not exist.
        FileNotFoundError, BrokenFile: a file is not there, or breaks.
        EntrantProblem: a user's entrant is not what it has to be, and where.
        CannotPlay: no model can play any of the tasks.
        DataProblem: a file of real data is missing or wrong.
        RuntimeError: a run or an evaluation failed; the others are kept.
    """
    content = {
        "name": "python",
        "models": list(models),
        "tasks": list(tasks),
        "seeds": seeds if isinstance(seeds, int) else list(seeds),
        "parameters": None if width else parameters,
        "width": width,
        "trainer": {**chosen(trainer), **settings},
    }
    session = open_session(parse_suite(in_words(content), "nnarena.run"), results)
    session = session.ready()
    if not session.jobs:
        raise CannotPlay("; ".join(refusal.label for refusal in session.refusals))
    broken = [e for e in session.run(workers) if e.kind in ("failed", "unanswered")]
    if broken:
        failed = sum(event.kind == "failed" for event in broken)
        raise RuntimeError(
            f"{failed} of {len(session.jobs)} runs and "
            f"{plural(len(broken) - failed, 'evaluation')} failed, the first with: "
            f"{broken[0].text}; see {session.store.place('logs')}"
        )
    return leaderboard(results, keys={job.key for job in session.jobs})


def leaderboard(results: str | Path, keys: set[str] | None = None) -> Leaderboard:
    """Returns the leaderboard of a store of results, or of some of its runs.

    Raises:
        ValueError: there are no records.
    """
    store = open_store(results)
    records = [record for record in store if keys is None or record.key in keys]
    if not records:
        raise ValueError(f"there are no records of runs in {results}")
    histories = store.histories(record.key for record in records)
    board = rank(runs_frame(records, histories.get))
    refused = refused_pairs(records, read_refusals(store, keys))
    return dataclasses.replace(board, refused=refused)
