"""`arena status`."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import typer
from rich import box
from rich.table import Table

from ..analysis.labels import run_labels
from ..analysis.words import listed, plural
from ..runs.files import name_of
from ..runs.plans import Refusal
from ..runs.progress import Progress
from ..runs.store import AbstractStore, open_store
from ..runs.survey import RunState, Survey, survey
from ..suite.events import Event
from .console import guarded, news, out, print_json, refuse
from .progress import duration, follow, number
from .stopping import stoppable


REFRESH_SECONDS = 1.0


@guarded
def show_status(results: str, *, as_json: bool, live: bool) -> None:
    """Prints how far the runs of a folder have come."""
    store = open_store(results)
    found = survey(store)
    if not found:
        raise refuse(f"no plan of runs is kept in {results}; `arena run` keeps one")
    if as_json:
        print_json({"plans": [_plan_json(one, store) for one in found]})
        return
    for one in found:
        _print_plan(one, store)
    for file, reason in store.unreadable():
        news.print(f"left out {file}: {reason}", markup=False, soft_wrap=True)
    if live:
        _follow(store)


def _print_plan(one: Survey, store: AbstractStore) -> None:
    counts = {state: len(one.of(state)) for state in ("done", "running", "failed")}
    told = [f"{counts['done']} of {len(one.runs)} runs done"]
    told += [
        f"{len(one.of(state))} {state}"
        for state in ("running", "failed", "interrupted", "left")
        if one.of(state)
    ]
    if one.evaluations:
        told.append(f"{one.evaluated} of {one.evaluations} evaluations done")
    if counts["done"] < len(one.runs):
        told.append(_time_left(one))
    out.print(f"{one.plan.name}: {', '.join(told)}", markup=False, soft_wrap=True)
    names = _names(one)
    if one.of("running") or one.of("interrupted"):
        out.print(_table(one.of("running") + one.of("interrupted"), names))
    for run in one.of("failed"):
        text = f"{names[run.run.key]}: {_failure(run, store)}"
        out.print(text, style="red", markup=False, soft_wrap=True)
    for refusal in one.plan.refusals:
        out.print(refusal.label, markup=False, soft_wrap=True)
    if one.other_versions:
        out.print(_old(one), markup=False, soft_wrap=True)


def _time_left(one: Survey) -> str:
    seconds = one.seconds_left
    if seconds is None:
        return "time unknown until a run has ended"
    return f"about {duration(seconds)} with {one.plan.workers} at a time"


def _names(one: Survey) -> dict[str, str]:
    """Returns the labels of the plan's runs by their keys."""
    runs = [run.run for run in one.runs]
    return {run.key: name for run, name in zip(runs, run_labels(runs), strict=True)}


def _table(runs: list[RunState], names: Mapping[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("run")
    for name in ("step", "train loss", "validation", "last sign of life"):
        table.add_column(name, justify="right")
    table.add_column("where")
    for run in runs:
        progress = run.progress
        figures = progress.figures if progress else {}
        step = progress.step if progress else 0.0
        where = f"{progress.host}, process {progress.process}" if progress else ""
        table.add_row(
            names[run.run.key],
            f"{step:.0f}/{run.run.total_steps:.0f}",
            number(figures.get("train_loss")),
            number(figures.get("validation_score")),
            _ago(progress) if progress else "none yet",
            where if run.state == "running" else "interrupted",
        )
    return table


def quiet_seconds(progress: Progress) -> float | None:
    """Returns the time since the last sign of life of a run, by this machine's clock.

    None where what was said is not a date. A clock may have been set back: never below
    0.
    """
    try:
        gone = datetime.now(UTC) - datetime.fromisoformat(progress.told_at)
    except (ValueError, TypeError):
        return None
    return max(0.0, gone.total_seconds())


def _ago(progress: Progress) -> str:
    seconds = quiet_seconds(progress)
    return "unknown" if seconds is None else f"{duration(seconds)} ago"


def _failure(run: RunState, store: AbstractStore) -> str:
    key = run.run.key
    kept = key in store.keys("logs")
    where = f" ({store.place(name_of('logs', key))})" if kept else ""
    return f"{_reason(run)}{where}"


def _reason(run: RunState) -> str:
    return (run.record.result.reason if run.record else None) or "failed"


def _old(one: Survey) -> str:
    """Says which records are of another version of an entrant than the plan's."""
    names = {
        f"{entrant.name} (version {entrant.version})"
        for record in one.other_versions
        for entrant in (record.identity.model, record.identity.task)
        if (entrant.name, entrant.version) not in _entrants(one)
    }
    old = plural(len(one.other_versions), "record")
    which = listed(sorted(names)) or "the trainer"
    return f"{old} of another version than now, kept but not counted: {which}"


def _entrants(one: Survey) -> set[tuple[str, str]]:
    return {
        (entrant.name, entrant.version)
        for run in one.runs
        for entrant in (run.run.identity.model, run.run.identity.task)
    }


def _plan_json(one: Survey, store: AbstractStore) -> dict[str, Any]:
    states = ("done", "running", "failed", "interrupted", "left")
    names = _names(one)
    return {
        "name": one.plan.name,
        "key": one.plan.key,
        "asked_at": one.plan.asked_at,
        "workers": one.plan.workers,
        "runs": len(one.runs),
        **{state: len(one.of(state)) for state in states},
        "evaluations": one.evaluations,
        "evaluated": one.evaluated,
        "seconds_left": one.seconds_left,
        "under_way": [
            _run_json(run, names[run.run.key])
            for run in [*one.of("running"), *one.of("interrupted")]
        ],
        "failures": [
            {"key": run.run.key, "run": names[run.run.key], "reason": _reason(run)}
            for run in one.of("failed")
        ],
        "refusals": [refusal_json(refusal) for refusal in one.plan.refusals],
        "other_versions": [record.key for record in one.other_versions],
    }


def refusal_json(refusal: Refusal) -> dict[str, str]:
    """Returns a pair that cannot be run in plain values."""
    model, task = refusal.model.name, refusal.task.name
    return {"model": model, "task": task, "reason": refusal.reason}


def _run_json(run: RunState, name: str) -> dict[str, Any]:
    progress = run.progress
    told: dict[str, Any] = {
        "key": run.run.key,
        "run": name,
        "state": run.state,
        "steps": run.run.total_steps,
    }
    if progress is not None:
        told |= {
            "step": progress.step,
            "seconds": progress.seconds,
            "quiet_seconds": quiet_seconds(progress),
            "host": progress.host,
            "process": progress.process,
            "figures": progress.figures,
        }
    return told


def _follow(store: AbstractStore) -> None:
    """Shows the latest plan until its runs have ended or the user has seen enough."""
    latest = survey(store)[-1]
    open_ = [state.run for state in latest.runs if state.state != "done"]
    if not open_:
        return
    watching = Watching(store, {run.key for run in open_})
    told = "no longer looking on; the runs go on"
    with stoppable(watching.stop, told) as wish, contextlib.suppress(KeyboardInterrupt):
        follow(watching.events(), open_, news)
    if wish.signal is not None:
        raise typer.Exit(wish.exit_code)


class Watching:
    """Turns what changes in a store into the events of the runs that others do."""

    def __init__(self, store: AbstractStore, keys: set[str]):
        self.store, self.keys = store, keys
        self.stopping = False
        self._told: dict[str, tuple[str, float]] = {}

    def stop(self) -> None:
        """Ends `events` soon."""
        self.stopping = True

    def events(self) -> Iterator[Event]:
        """Yields what happens until every run has ended."""
        while not self.stopping:
            latest = survey(self.store)[-1]
            states = [state for state in latest.runs if state.run.key in self.keys]
            for state in states:
                yield from self._changes(state)
            if all(state.state in ("done", "failed") for state in states):
                return
            time.sleep(REFRESH_SECONDS)

    def _changes(self, state: RunState) -> Iterator[Event]:
        step = state.progress.step if state.progress else 0.0
        news_of = (state.state, step)
        if self._told.get(state.run.key) == news_of:
            return
        self._told[state.run.key] = news_of
        event = event_of(state)
        if event is not None:
            yield event


def event_of(state: RunState) -> Event | None:
    """Returns what a worker would have said of a run in this state."""
    key, record = state.run.key, state.record
    figures = dict(state.progress.figures) if state.progress else {}
    if state.state == "done" and record is not None:
        result = record.result
        told = {"test_score": result.test_score}
        return Event(kind="done", key=key, figures=told, text=result.outcome)
    if state.state == "failed":
        return Event(kind="failed", key=key, text=_reason(state))
    if state.state == "running":
        return Event(
            kind="check" if "train_loss" in figures else "started",
            key=key,
            figures=figures,
        )
    return Event(kind="stopped", key=key) if state.state == "interrupted" else None
