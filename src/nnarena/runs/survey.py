"""How far the runs of a store have come, from its files alone.

done          the record is there: finished or diverged
running       a process is doing it
failed        it broke or was over a limit; the next `arena run` tries it again
interrupted   begun, but nobody is doing it; the next `arena run` goes on
left          not begun
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from .base import AbstractStore
from .evaluations import missing_evaluations
from .plans import Plan, PlannedRun, read_plans, unversioned
from .progress import Progress, read_progress
from .record import Record


State = Literal["done", "running", "failed", "interrupted", "left"]


@dataclass(frozen=True)
class RunState:
    """One run with what its store knows of it."""

    run: PlannedRun
    state: State
    progress: Progress | None = None
    record: Record | None = None

    @property
    def share(self) -> float:
        """How much of the run's steps is done, in [0, 1]."""
        if self.state == "done":
            return 1.0
        step = 0.0 if self.progress is None else self.progress.step
        return min(1.0, step / self.run.total_steps)


@dataclass(frozen=True)
class Survey:
    """A plan with the state of each of its runs.

    `other_versions` are records of the same runs with another version of an entrant:
    they are kept, but are not part of the plan. `evaluations` are how many the plan
    asks for of models that are or will be trained, `evaluated` how many of them are
    done.
    """

    plan: Plan
    runs: Sequence[RunState]
    other_versions: Sequence[Record]
    evaluations: int = 0
    evaluated: int = 0

    def of(self, state: State) -> list[RunState]:
        """Returns the runs in a state."""
        return [run for run in self.runs if run.state == state]

    @property
    def seconds_left(self) -> float | None:
        """Time that the rest will take; 0 if there is none, None where nothing tells.

        A run is taken at what the ended ones of its program took, compilation
        included, or at its own pace; where a program has not run yet, at the mean of
        all others. Failed runs count as left.
        """
        known = _seconds_by_program(self.runs)
        if not known:
            return None if any(run.state != "done" for run in self.runs) else 0.0
        usual = fmean(known.values())
        rest = [
            known.get(_program(run), usual) * (1.0 - run.share)
            for run in self.runs
            if run.state != "done"
        ]
        return max(max(rest, default=0.0), sum(rest) / max(1, self.plan.workers))


def survey(store: AbstractStore) -> list[Survey]:
    """Returns the plans of a store with their states, the latest asked for last."""
    records = {record.key: record for record in store}
    claimed = store.claimed()
    return [_survey(store, plan, records, claimed) for plan in read_plans(store)]


def _survey(
    store: AbstractStore,
    plan: Plan,
    records: Mapping[str, Record],
    claimed: set[str],
) -> Survey:
    runs = list(plan.runs())
    keys = {run.key for run in runs}
    names = {unversioned(run.identity) for run in runs}
    asked = [
        (run.key, task)
        for run in runs
        if run.key not in records or records[run.key].result.outcome != "diverged"
        for task in run.evaluate
    ]
    return Survey(
        plan=plan,
        runs=[_state(store, run, records.get(run.key), claimed) for run in runs],
        other_versions=[
            record
            for key, record in records.items()
            if key not in keys and unversioned(record.identity) in names
        ],
        evaluations=len(asked),
        evaluated=len(asked) - len(missing_evaluations(store, asked)),
    )


def _state(
    store: AbstractStore, run: PlannedRun, record: Record | None, claimed: set[str]
) -> RunState:
    if record is not None and record.result.outcome != "failed":
        return RunState(run, "done", None, record)
    progress = read_progress(store, run.key)
    if run.key in claimed:
        return RunState(run, "running", progress, record)
    if record is not None:
        return RunState(run, "failed", progress, record)
    return RunState(run, "left" if progress is None else "interrupted", progress)


def _program(run: RunState) -> str:
    """Returns what runs share that differ in their seed."""
    return run.run.identity.model_copy(update={"seed": 0}).key


def _seconds_by_program(runs: Iterable[RunState]) -> dict[str, float]:
    """Returns the mean seconds of a run of each program of which something is known."""
    found: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        if run.record is not None and run.state == "done":
            cost = run.record.cost
            found[_program(run)].append(cost.run_seconds + cost.compile_seconds)
    for run in runs:
        if run.progress is not None and run.share > 0 and _program(run) not in found:
            found[_program(run)].append(run.progress.seconds / run.share)
    return {program: fmean(seconds) for program, seconds in found.items()}
