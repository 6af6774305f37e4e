"""Measures the two controls on every task, and keeps the figures in the package.

    NNARENA_DATA=data python experiments/controls.py --results controls
    NNARENA_DATA=data python experiments/controls.py --results controls --tasks activity

`last_step` sees one step and `window` the last eight; each runs on every task at its
default settings (`activity` on its excerpt) under one small budget. The file says how
much of a task's scale needs no memory, and `arena show TASK` prints it. With `--tasks`
the other tasks keep their figures. Runs that the results folder holds are not repeated.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nnarena.runs.record import Record
from nnarena.suite.config import parse_suite
from nnarena.suite.events import ENDS
from nnarena.suite.session import open_session
from nnarena.tasks import TASKS
from nnarena.tasks.controls import FILE, measurements


CONTROLS = ("last_step", "window")
SETTINGS = {"activity": {"excerpt": True}}
"""Settings besides the defaults: of activity, the excerpt that can be had."""
SEEDS, PARAMETERS = 3, 5_000
TRAINER = {
    "steps": 1_000,
    "batch": 32,
    "checks": 10,
    "learning_rate": [1e-3, 3e-3, 1e-2],
}
COMMAND = "python experiments/controls.py --results controls"


def run(tasks: Sequence[str], results: str, workers: int) -> list[Record]:
    """Returns the records of all runs.

    Raises:
        RuntimeError: a run failed or diverged.
    """
    content = {
        "name": "controls",
        "models": list(CONTROLS),
        "tasks": [{"name": task, **SETTINGS.get(task, {})} for task in tasks],
        "seeds": SEEDS,
        "parameters": PARAMETERS,
        "trainer": TRAINER,
    }
    session = open_session(parse_suite(content, "controls"), results)
    session.require_ready()
    for event in session.run(workers):
        if event.kind in ENDS:
            print(event.kind, event.key, event.text, flush=True)
    keys = {job.key for job in session.jobs}
    records = [record for record in session.store if record.key in keys]
    whole = [record for record in records if record.result.test_score is not None]
    if len(whole) < len(keys):
        raise RuntimeError(
            f"{len(keys) - len(whole)} of {len(keys)} runs have no score"
        )
    return whole


def measured(
    records: Sequence[Record], tasks: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Returns what the file keeps of every task and control, in the order of both."""
    for task in tasks:
        for control in CONTROLS:
            runs = [
                record
                for record in records
                if (record.identity.task.name, record.identity.model.name)
                == (task, control)
            ]
            yield summary(sorted(runs, key=lambda record: record.identity.seed))


def summary(runs: Sequence[Record]) -> dict[str, Any]:
    """Returns one control on one task: its scores by seed, and where they come from."""
    first = runs[0]
    scores = [record.result.test_score for record in runs]
    task, model = first.identity.task, first.identity.model
    return {
        "task": task.name,
        "version": task.version,
        "settings": task.all_settings,
        "control": model.name,
        "control_version": model.version,
        "control_settings": model.all_settings,
        "parameters": first.result.parameters,
        "metric": first.scoring.metric,
        "scores": scores,
        "mean": sum(scores) / len(scores),  # pyright: ignore  (none is None)
        "date": max(record.provenance.finished_at for record in runs)[:10],
        "commit": first.provenance.commit,
    }


def main() -> None:
    """Runs what is asked for and writes the file."""
    names = [
        entry.name for entry in TASKS if entry.make.__module__.startswith("nnarena.")
    ]
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--results", default="controls")
    words.add_argument("--tasks", default=",".join(names))
    words.add_argument("--workers", type=int, default=1)
    asked = words.parse_args()
    tasks = asked.tasks.split(",")
    found = list(measured(run(tasks, asked.results, asked.workers), tasks))
    others = [
        control.model_dump()
        for control in measurements().measured
        if control.task not in tasks
    ]
    rows = sorted(others + found, key=lambda row: (row["task"], row["control"]))
    budget = {"parameters": PARAMETERS, "seeds": SEEDS, **TRAINER}
    content = {"command": COMMAND, "budget": budget, "measured": rows}
    Path(str(FILE)).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
