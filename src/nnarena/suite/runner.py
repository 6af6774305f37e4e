"""Doing jobs in this process: compile, train check by check, keep, record."""

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np
from jaxtyping import PyTree

from ..core.problems import StoreProblem
from ..runs.claims import Claim
from ..runs.store import AbstractStore
from ..tasks.files import DataFolder
from ..training.base import Check, arrays_by_path
from . import provenance
from .checkpoints import save_checkpoint
from .evaluator import Evaluator, ask, unanswered
from .events import Event
from .keeping import add_to_log, done_elsewhere, record_failure, tell, writing
from .ledger import Ledger
from .limits import NO_LIMITS, Limits
from .plan import Job
from .programs import Compiled, Programs, TooLarge, keys_of, of_seed, part_of
from .resuming import advance, due, take_up


CHECKPOINT_SECONDS = 1.0
"""A checkpoint is written at the first check after so long; it decides no result."""

CHECKPOINT_SHARE = 0.02
"""Of the time, at most, goes to checkpoints: a slow store gets fewer of them."""


Listening = Callable[[str], contextlib.AbstractContextManager[None]]
"""Turns what is printed while the run of a key is done into its log."""


def not_listening(key: str) -> contextlib.AbstractContextManager[None]:
    """Lets what is printed go where it goes."""
    return contextlib.nullcontext()


class Runner:
    """Does jobs one after another, keeping the last compiled program for the next.

    With `axes` the learning rates that a job tries are computed at once, if the device
    has room for that.
    """

    def __init__(
        self,
        store: AbstractStore,
        data: DataFolder,
        executor: str,
        limits: Limits = NO_LIMITS,
        listening: Listening = not_listening,
        *,
        axes: bool = False,
    ):
        self.store, self.executor, self.limits = store, executor, limits
        self.listening, self.axes = listening, axes
        self.stopping = False
        self._programs = Programs(data)
        self._evaluator = Evaluator(data, executor)
        self._told_unsaved = False

    def stop(self) -> None:
        """Asks for an end at the next check; signal handlers may call it."""
        self.stopping = True

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Does one job, or several that differ in their seed as one array program.

        Yields what happens, as it happens. Each job ends with one of `events.ENDS`: one
        that breaks is recorded as failed, with its reason, and nothing is raised. What
        a job evaluates is done before it ends; of a run that is there, that alone.

        Raises:
            StoreProblem: the store cannot be written.
        """
        claims: list[Claim] = []
        mine: list[Job] = []
        try:
            for job in jobs:
                with writing():
                    claim = self.store.claim(job.key)
                if claim is None:
                    yield Event(kind="elsewhere", key=job.key)
                    continue
                claims.append(claim)
                if job.key in self.store:
                    yield from self._ask_again(job)
                else:
                    mine.append(job)
            if mine:
                with self.listening(mine[0].key):
                    yield from self._train_and_ask(mine)
        finally:
            for claim in claims:
                claim.release()

    def _train_and_ask(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Does claimed jobs, and before each ends what its trained model is asked."""
        by_key = {job.key: job for job in jobs}
        for event in self._attempt(jobs, self.axes):
            if event.kind == "done":
                yield from self._ask(unanswered(self.store, [by_key[event.key]]))
            yield event

    def _ask_again(self, job: Job) -> Iterator[Event]:
        """Ends a job whose run is there, when what it evaluates is there too."""
        end, lacking = done_elsewhere(self.store, job), unanswered(self.store, [job])
        if lacking:
            with self.listening(job.key):
                yield from self._ask(lacking)
            kind = "stopped" if self.stopping else "done"
            end = Event(kind=kind, key=job.key, text="evaluated")
        yield end

    def _ask(self, jobs: Sequence[Job]) -> Iterator[Event]:
        for job in jobs:
            yield from ask(job, self.store, self._evaluator, lambda: self.stopping)

    def _attempt(self, jobs: Sequence[Job], trials_at_once: bool) -> Iterator[Event]:
        """Does claimed jobs at once, or in parts where memory does not hold them.

        Fewer seeds at once are tried first, then the trials of one seed in turn.
        """
        ledgers = [Ledger(job, self.executor) for job in jobs]
        provenance.reset_peak_memory()
        try:
            yield from self._train(jobs, ledgers, trials_at_once)
        except TooLarge:
            if len(jobs) == 1:
                yield from self._attempt(jobs, trials_at_once=False)
                return
            middle = -(-len(jobs) // 2)
            yield from self._attempt(jobs[:middle], trials_at_once)
            yield from self._attempt(jobs[middle:], trials_at_once)
        except StoreProblem:
            raise
        except Exception as error:  # an entrant may raise anything; the matrix goes on
            reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            for ledger in ledgers:
                if ledger.job.key in self.store:
                    continue  # recorded before its sibling broke
                add_to_log(self.store, ledger.job.key, traceback.format_exc())
                yield self._fail(ledger, reason)

    def _train(
        self, jobs: Sequence[Job], ledgers: list[Ledger], trials_at_once: bool
    ) -> Iterator[Event]:
        for ledger in ledgers:
            tell(self.store, ledger)
        compiled = self._programs.compiled(jobs, trials_at_once)
        ledgers[0].compile_seconds = self._programs.take_seconds()
        program, (init_key, data_key) = compiled.program, keys_of(jobs)
        state = yield from take_up(self.store, program.start(init_key), ledgers)
        for ledger in ledgers:
            told = {**ledger.figures(), "compiled": ledger.compile_seconds}
            yield Event(kind="started", key=ledger.job.key, figures=told)
        saved_at, pause = time.perf_counter(), CHECKPOINT_SECONDS
        while not all(ledger.stopped for ledger in ledgers):
            active = [ledger for ledger in ledgers if not ledger.stopped]
            if self.stopping or all(map(self._is_late, active)):
                yield from self._save(state, ledgers)
                break
            begun, is_due = time.perf_counter(), due(ledgers)
            try:
                state, told = advance(program, state, data_key, is_due)
                check = jax.tree.map(np.asarray, told)
            except jax.errors.JaxRuntimeError as error:
                raise self._programs.refused(error) from error
            seconds = (time.perf_counter() - begun) / int(is_due.sum())
            yield from self._note(ledgers, is_due, check, seconds)
            over = all(ledger.stopped for ledger in ledgers)
            begun = time.perf_counter()
            if not over and begun - saved_at > pause:
                yield from self._save(state, ledgers)
                saved_at = time.perf_counter()
                took = saved_at - begun
                pause = CHECKPOINT_SECONDS * max(1.0, took / CHECKPOINT_SHARE)
        yield from self._end(compiled, state, ledgers)

    def _is_late(self, ledger: Ledger) -> bool:
        return not ledger.stopped and self.limits.is_late(ledger.run_seconds)

    def _note(
        self,
        ledgers: list[Ledger],
        is_due: np.ndarray,
        check: Check,
        seconds: float,
    ) -> Iterator[Event]:
        for index, ledger in enumerate(ledgers):
            ledger.advances += int(is_due[index])
            if ledger.stopped or not is_due[index]:
                continue
            ledger.run_seconds += seconds
            ledger.note(of_seed(check, index))
            yield Event(kind="check", key=ledger.job.key, figures=ledger.figures())

    def _save(self, state: PyTree, ledgers: list[Ledger]) -> Iterator[Event]:
        """Writes checkpoints; what cannot be written costs safety, not the run."""
        arrays = arrays_by_path(state)
        try:
            for index, ledger in enumerate(ledgers):
                if ledger.advances:
                    part = part_of(arrays, index, len(ledgers))
                    save_checkpoint(self.store, ledger, part)
        except OSError as error:
            if not self._told_unsaved:
                self._told_unsaved = True
                text = f"no checkpoint could be written: {error}; the run goes on"
                yield Event(kind="note", key=ledgers[0].job.key, text=text)
        for ledger in ledgers:
            tell(self.store, ledger)

    def _fail(self, ledger: Ledger, reason: str) -> Event:
        return record_failure(self.store, ledger, reason, provenance.peak_memory())

    def _end(
        self, compiled: Compiled, state: PyTree, ledgers: list[Ledger]
    ) -> Iterator[Event]:
        """Records the runs that are over or late; the others stop for now."""
        if any(ledger.stopped for ledger in ledgers):
            yield from self._record(compiled, state, ledgers)
        for ledger in ledgers:
            if self._is_late(ledger):
                yield self._fail(ledger, self.limits.late(ledger.run_seconds))
            elif not ledger.stopped:
                yield Event(kind="stopped", key=ledger.job.key)

    def _record(
        self, compiled: Compiled, state: PyTree, ledgers: list[Ledger]
    ) -> Iterator[Event]:
        """Tests and records the runs that are over."""
        program = compiled.program
        tested = program.test(state)
        loss, score = np.asarray(tested.mean_loss), np.asarray(tested.mean_score)
        best = program.best(state)
        weights = arrays_by_path(best)
        figures = {n: np.asarray(f) for n, f in compiled.figures(best).items()}
        for index, ledger in enumerate(ledgers):
            if not ledger.stopped:
                continue
            result = ledger.result(
                float(of_seed(loss, index)),
                float(of_seed(score, index)),
                compiled.test_rows,
                of_seed(figures, index),
            )
            record = ledger.record(
                result,
                peak_bytes=provenance.peak_memory(),
                program_bytes=program.bytes,
                matmul_flops_per_step=program.matmul_flops_per_step,
                state_size=compiled.state_size,
            )
            with writing():
                self.store.put(
                    record, ledger.history(), part_of(weights, index, len(ledgers))
                )
            told = {"test_score": result.test_score}
            yield Event(kind="done", key=record.key, figures=told, text=result.outcome)
