"""Programs of runs: compiled once for all seeds, for as many at once as memory holds.

With several jobs every array of a program leads with the axis of their seeds; what each
of them tries, such as learning rates, is tried in turn or is an axis too.
"""

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import jax
import numpy as np

from ..core.faults import blaming
from ..core.seeds import key_for
from ..core.types import Key, Keys
from ..models.causality import (
    asking,
    looks_ahead,
    may_look_ahead,
    some_cuts,
    withholds,
)
from ..models.contender import count_state
from ..models.inspection import require_answers
from ..tasks import TASKS
from ..tasks.base import Splits
from ..tasks.files import DataFolder
from ..tasks.inspection import example_shapes, examples_of, sound_splits
from ..training.base import AbstractProgram
from ..training.row_values import require_values
from ..training.trial import (
    has_outside,
    require_metric,
    require_own_loss,
    require_penalties,
)
from . import provenance
from .calibrating import Figures, calibrated_for
from .plan import Assembled, Job, assemble


T = TypeVar("T")
Arrays = Mapping[str, np.ndarray]


class TooLarge(Exception):
    """So many seeds and trials at once do not fit into the device's memory."""


@dataclass(frozen=True)
class Form:
    """Which program, for how many seeds, and whether their trials are an axis."""

    program: str
    seeds: int
    trials_at_once: bool

    def holds(self, other: "Form") -> bool:
        """Whether this form of the same program asks for no less memory."""
        return (
            self.program == other.program
            and self.seeds >= other.seeds
            and self.trials_at_once >= other.trials_at_once
        )


@dataclass(frozen=True)
class Compiled:
    """A program, what its contender carries from step to step, its test examples."""

    program: AbstractProgram
    state_size: int | None
    test_rows: int
    figures: Figures


def use_compilation_cache() -> None:
    """Keeps compiled programs on disk, so that the next process need not compile.

    Where JAX has another folder (`JAX_COMPILATION_CACHE_DIR`), it stays with that.
    """
    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    jax.config.update(
        "jax_compilation_cache_dir", str(provenance.cache_folder() / "xla")
    )
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def task_splits(assembled: Assembled, name: str, data: DataFolder) -> Splits:
    """Returns a task's rows; they depend on the task alone.

    Raises:
        DataProblem: a file is missing or wrong.
        EntrantProblem: a user's task gives no rows, or no examples of its signature.
    """
    if TASKS[name].outside:
        return sound_splits(assembled.task, name, data)
    return assembled.task.splits(data, key=key_for("data", name))


def require_values_of(assembled: Assembled, name: str, splits: Splits) -> None:
    """Returns if the rows of a task, if it is a user's, are numbers to train on.

    Raises:
        EntrantProblem: they are not; with file and line.
    """
    if TASKS[name].outside:
        require_values(assembled.task, splits)


def require_answers_of(assembled: Assembled, splits: Splits) -> None:
    """Returns if a contender, if it is a user's, answers as the task asks, traced.

    So do a metric that judges the answers and penalties that act on it.

    Raises:
        EntrantProblem: one does not; with its file and line.
    """
    outside = assembled.contender.entry.outside
    if not (outside or has_outside(assembled.task, assembled.trainer)):
        return
    example = example_shapes(assembled.task, splits)
    require_metric(assembled.task, example)
    if outside:
        steps = example.question.dts.shape[0]
        signature, width = assembled.task.signature, assembled.width
        require_answers(assembled.contender, signature, width, steps)
        require_own_loss(assembled.contender.shapes(signature, width), example)
    if getattr(assembled.trainer, "penalties", None):
        model = assembled.contender.shapes(assembled.task.signature, assembled.width)
        require_penalties(assembled.trainer, model, example)


def is_tried(assembled: Assembled) -> bool:
    """Returns whether a contender could see what it may not on its task.

    Where an answer at every step may use no later input, and where generated answers
    are forced; but of no cell.
    """
    signature = assembled.task.signature
    return withholds(signature) and may_look_ahead(
        assembled.contender.shapes(signature, assembled.width), signature
    )


def peeks(assembled: Assembled, splits: Splits) -> str | None:
    """Returns why a contender may not play a task, if it sees what it may not there.

    Found by trying, on a row of the task: what looks ahead may do so only where data
    are as they are there (0 where nothing was read, say). That compiles one program,
    which the machine keeps, and runs it up to some hundred times.

    Raises:
        EntrantProblem: a user's contender raises something when it is tried.
    """
    if not is_tried(assembled):
        return None
    signature = assembled.task.signature
    use_compilation_cache()
    example, *others = examples_of(assembled.task, splits, 2)
    generated = signature.generated is not None
    method = "forced" if generated else "__call__"
    entry = assembled.contender.entry
    blame = blaming(entry.make, method, "tried on random inputs")
    with blame if entry.outside else contextlib.nullcontext():
        cut = looks_ahead(
            asking(assembled.build, signature),
            signature,
            example,
            some_cuts(signature, example.question.length),
            others,
        )
    if cut is None:
        return None
    if generated:
        return (
            "it is given the right classes before each of its answers, but those from "
            f"place {cut - 1} on changed an answer there or before, and the task "
            "forbids that"
        )
    return (
        f"it says that it is causal, but inputs from step {cut} on changed an answer "
        "before it, and the task forbids that"
    )


class Programs:
    """Compiles the programs of jobs and keeps the last one for the next.

    `seconds` is what compiling took since they were last taken.
    """

    def __init__(self, data: DataFolder):
        self.data = data
        self._kept: tuple[Form, Compiled] | None = None
        self._too_large: Form | None = None
        self._seconds = 0.0

    def take_seconds(self) -> float:
        """Returns the seconds of compiling and reading data since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def compiled(self, jobs: Sequence[Job], trials_at_once: bool = False) -> Compiled:
        """Returns the program of jobs that differ in nothing but their seeds.

        Raises:
            TooLarge: it asks for more memory than its device has.
        """
        wanted = Form(jobs[0].program, len(jobs), trials_at_once)
        if self._too_large is not None and wanted.holds(self._too_large):
            raise TooLarge
        if self._kept is None or self._kept[0] != wanted:
            self._kept = None  # frees the old program and its data first
            begun = time.perf_counter()
            made = self._compile(jobs, trials_at_once)
            self._seconds += time.perf_counter() - begun
            self._require_room(wanted, made.program)
            self._kept = (wanted, made)
        return self._kept[1]

    def _compile(self, jobs: Sequence[Job], trials_at_once: bool) -> Compiled:
        assembled = assemble(jobs[0])
        splits = task_splits(assembled, jobs[0].identity.task.name, self.data)
        require_answers_of(assembled, splits)
        shapes = assembled.contender.shapes(assembled.task.signature, assembled.width)
        seeds = len(jobs) if len(jobs) > 1 else None
        build, figures = calibrated_for(assembled, splits, shapes, seeds)
        program = assembled.trainer.compile(
            build, assembled.task, splits, seeds=seeds, trials_at_once=trials_at_once
        )
        test_rows = jax.tree.leaves(splits.test)[0].shape[0]
        return Compiled(program, count_state(shapes), test_rows, figures)

    def _require_room(self, form: Form, program: AbstractProgram) -> None:
        """Refuses what a device cannot hold; one descent alone is always tried."""
        room = provenance.device_bytes()
        many = form.seeds * program.trials_at_once > 1
        if many and room is not None and (program.bytes or 0) > room:
            self._too_large = form
            raise TooLarge

    def refused(self, error: Exception) -> Exception:
        """Returns what an error of the running program means: `TooLarge`, or itself."""
        if self._kept is None or "RESOURCE_EXHAUSTED" not in str(error):
            return error
        form, compiled = self._kept
        if form.seeds * compiled.program.trials_at_once == 1:
            return error
        self._too_large, self._kept = form, None
        return TooLarge()


def keys_of(jobs: Sequence[Job]) -> tuple[Key | Keys, Key | Keys]:
    """Returns initialization and data keys; several jobs get an axis of them."""
    init, data = [], []
    for job in jobs:
        model, task = job.identity.model.name, job.identity.task.name
        init.append(key_for("init", job.identity.seed, model, task))
        data.append(key_for("order", job.identity.seed, task))
    if len(jobs) == 1:
        return init[0], data[0]
    return jax.numpy.stack(init), jax.numpy.stack(data)


def of_seed(figures: T, index: int) -> T:
    """Returns one seed's figures; a figure without an axis is everybody's."""
    return jax.tree.map(
        lambda value: value if value.ndim == 0 else np.asarray(value[index]), figures
    )


def part_of(arrays: Arrays, index: int, seeds: int) -> Arrays:
    """Returns one seed's arrays."""
    if seeds == 1:
        return arrays
    return {name: np.array(value[index], order="C") for name, value in arrays.items()}


def stacked(parts: Sequence[Arrays]) -> Arrays:
    """Returns the arrays of several seeds with their axis."""
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}
