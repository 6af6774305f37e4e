"""Doing jobs in this process: compile, train check by check, keep, record."""

import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from ..core.seeds import key_for
from ..core.types import Key, Keys
from ..models.contender import count_state
from ..runs.store import AbstractStore
from ..tasks.base import Splits
from ..tasks.files import DataFolder
from ..training.base import AbstractProgram, arrays_by_path, tree_from_paths
from . import provenance
from .events import Event
from .ledger import SERIES, Ledger, finite
from .plan import Assembled, Job, assemble


CHECKPOINT_SECONDS = 1.0
"""A checkpoint is written at the first check after so long; it decides no result."""


def use_compilation_cache() -> None:
    """Keeps compiled programs on disk, so that the next process need not compile."""
    jax.config.update(
        "jax_compilation_cache_dir", str(provenance.cache_folder() / "xla")
    )
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def task_splits(assembled: Assembled, name: str, data: DataFolder) -> Splits:
    """Returns a task's rows; they depend on the task alone.

    Raises:
        DataProblem: a file is missing or wrong.
    """
    return assembled.task.splits(data, key=key_for("data", name))


class Runner:
    """Does jobs one after another, keeping the last compiled program for the next."""

    def __init__(self, store: AbstractStore, data: DataFolder, executor: str):
        self.store, self.data, self.executor = store, data, executor
        self._compiled: tuple[tuple[str, int], AbstractProgram] | None = None
        self._state_size: int | None = None

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Does one job, or several that differ in their seed as one array program.

        Yields what happens, as it happens. A job that breaks is recorded as failed,
        with its reason; nothing is raised.
        """
        ledgers = [Ledger(job, self.executor) for job in jobs]
        provenance.reset_peak_memory()
        try:
            yield from self._train(jobs, ledgers)
        except Exception as error:  # an entrant may raise anything; the matrix goes on
            reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            for ledger in ledgers:
                self.store.put_log(ledger.job.key, traceback.format_exc())
                yield record_failure(self.store, ledger, reason)

    def _train(self, jobs: Sequence[Job], ledgers: list[Ledger]) -> Iterator[Event]:
        program = self._program(jobs, ledgers)
        init_key, data_key = self._keys(jobs)
        state = self._take_up(program, init_key, jobs, ledgers)
        for ledger in ledgers:
            told = {
                "step": ledger.last.get("step", 0.0),
                "compiled": ledger.compile_seconds,
            }
            yield Event(kind="started", key=ledger.job.key, figures=told)
        saved_at = time.perf_counter()
        while not all(ledger.stopped for ledger in ledgers):
            begun = time.perf_counter()
            state, metrics = program.advance(state, data_key)
            figures = {name: np.asarray(value) for name, value in metrics.items()}
            seconds = (time.perf_counter() - begun) / len(jobs)
            yield from self._note(ledgers, figures, seconds)
            over = all(ledger.stopped for ledger in ledgers)
            if not over and time.perf_counter() - saved_at > CHECKPOINT_SECONDS:
                self._save(state, ledgers)
                saved_at = time.perf_counter()
        yield from self._record(program, state, ledgers)

    def _program(self, jobs: Sequence[Job], ledgers: list[Ledger]) -> AbstractProgram:
        """Returns the compiled program of the jobs; the first ledger bears its cost."""
        wanted = (jobs[0].program, len(jobs))
        if self._compiled is None or self._compiled[0] != wanted:
            begun = time.perf_counter()
            self._compiled = None  # frees the old program and its data first
            assembled = assemble(jobs[0])
            splits = task_splits(assembled, jobs[0].identity.task.name, self.data)
            program = assembled.trainer.compile(
                assembled.build,
                assembled.task,
                splits,
                seeds=len(jobs) if len(jobs) > 1 else None,
            )
            self._compiled = (wanted, program)
            self._state_size = _state_size(assembled)
            ledgers[0].compile_seconds = time.perf_counter() - begun
        return self._compiled[1]

    def _keys(self, jobs: Sequence[Job]) -> tuple[Key | Keys, Key | Keys]:
        """Returns initialization and data keys; several jobs get an axis of them."""
        init, data = [], []
        for job in jobs:
            model, task, seed = (
                job.identity.model.name,
                job.identity.task.name,
                job.identity.seed,
            )
            init.append(key_for("init", seed, model, task))
            data.append(key_for("order", seed, task))
        if len(jobs) == 1:
            return init[0], data[0]
        return jax.numpy.stack(init), jax.numpy.stack(data)

    def _take_up(
        self,
        program: AbstractProgram,
        init_key: Key | Keys,
        jobs: Sequence[Job],
        ledgers: list[Ledger],
    ) -> PyTree:
        """Returns the state to go on from: the checkpoints', or a fresh one.

        Checkpoints count only together: all of them there, fit and equally far.
        """
        fresh = program.start(init_key)
        found = [self.store.checkpoint(job.key) for job in jobs]
        kept = [checkpoint for checkpoint in found if checkpoint is not None]
        state = fresh
        if len(kept) == len(jobs):
            try:
                resumed = [Ledger(job, self.executor) for job in jobs]
                for ledger, old, (_, notes) in zip(resumed, ledgers, kept, strict=True):
                    ledger.compile_seconds = old.compile_seconds
                    ledger.take_up(notes)
                if len({ledger.checks for ledger in resumed}) == 1:
                    state = tree_from_paths(
                        fresh, _stacked([arrays for arrays, _ in kept])
                    )
                    ledgers[:] = resumed
            except (ValueError, KeyError, TypeError):
                state = fresh  # a checkpoint of something else costs a fresh start
        return state

    def _note(
        self, ledgers: list[Ledger], figures: dict[str, np.ndarray], seconds: float
    ) -> Iterator[Event]:
        for index, ledger in enumerate(ledgers):
            if ledger.stopped:
                continue
            ledger.run_seconds += seconds
            ledger.note(
                {name: _of_seed(value, index) for name, value in figures.items()}
            )
            told = {name: finite(ledger.last[name]) for name in SERIES}
            yield Event(kind="check", key=ledger.job.key, figures=told)

    def _save(self, state: PyTree, ledgers: list[Ledger]) -> None:
        arrays = arrays_by_path(state)
        for index, ledger in enumerate(ledgers):
            part = _part(arrays, index, len(ledgers))
            self.store.put_checkpoint(ledger.job.key, part, ledger.to_notes())

    def _record(
        self, program: AbstractProgram, state: PyTree, ledgers: list[Ledger]
    ) -> Iterator[Event]:
        tested = program.test(state)
        loss, score = np.asarray(tested.mean_loss), np.asarray(tested.mean_score)
        weights = arrays_by_path(program.best(state))
        for index, ledger in enumerate(ledgers):
            result = ledger.result(
                float(_of_seed(loss, index)), float(_of_seed(score, index))
            )
            record = ledger.record(
                result,
                program_bytes=program.bytes,
                matmul_flops_per_step=program.matmul_flops_per_step,
                state_size=self._state_size,
            )
            part = _part(weights, index, len(ledgers))
            self.store.put(record, ledger.history(), part)
            told = {"test_score": result.test_score}
            yield Event(kind="done", key=record.key, figures=told, text=result.outcome)


def _state_size(assembled: Assembled) -> int | None:
    """Returns how many numbers a contender carries from step to step."""
    signature = assembled.task.signature
    return count_state(assembled.contender.shapes(signature, assembled.width))


def record_failure(store: AbstractStore, ledger: Ledger, reason: str) -> Event:
    """Keeps the record of a run that broke, and returns the news."""
    store.put(ledger.record(ledger.failure(reason)), ledger.history(), {})
    return Event(kind="failed", key=ledger.job.key, text=reason)


def _of_seed(value: np.ndarray, index: int) -> np.ndarray:
    return value if value.ndim == 0 else np.asarray(value[index])


def _part(
    arrays: dict[str, np.ndarray], index: int, seeds: int
) -> dict[str, np.ndarray]:
    if seeds == 1:
        return arrays
    return {name: np.ascontiguousarray(value[index]) for name, value in arrays.items()}


def _stacked(parts: Sequence[Any]) -> dict[str, np.ndarray]:
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}
