"""Measures the two controls on every task, and keeps the figures in the package.

    NNARENA_DATA=data python experiments/controls.py --results controls

`last_step` sees one step and `window` the last eight; each runs under one small budget
on every task at its default settings and at those of every suite of the package and of
the experiments beside this file. The file says how much of a task's scale needs no
memory; `arena show TASK` prints it, and leaderboards that lack the controls show it.
Tasks that the file knows as they are today keep their figures, unless `--tasks` names
them, as in `--tasks add "add(length=20)"`. Runs that the results folder holds are not
repeated.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nnarena.analysis.controls import FILE, controls_of, measurements
from nnarena.runs.record import Record
from nnarena.suite.config import Choice, load_suite, parse_suite, suite_names
from nnarena.suite.events import ENDS
from nnarena.suite.session import open_session
from nnarena.suite.words import chosen
from nnarena.tasks import TASKS


CONTROLS = ("last_step", "window")
SEEDS, PARAMETERS = 3, 5_000
TRAINER = {
    "steps": 1_000,
    "batch": 32,
    "checks": 10,
    "learning_rate": [1e-3, 3e-3, 1e-2],
}
COMMAND = "python experiments/controls.py --results controls"

EXPERIMENTS = Path(__file__).parent

UNOBTAINABLE = ("activity",)
"""Tasks whose published file is not available here: only their excerpt is measured."""


WITHOUT_DATA = ("lra_image", "lra_retrieval")
"""Tasks of which no file is available here: none is measured."""


TOO_LONG = ("lra",)
"""Suites whose tasks take too long to be measured here."""


def wanted() -> list[Choice]:
    """Returns every task of the package, at its defaults and as all suites have it."""
    asked = [Choice(name=entry.name) for entry in TASKS if not entry.outside]
    own = [name for name in suite_names() if name not in TOO_LONG]
    suites = [*own, *map(str, sorted(EXPERIMENTS.glob("*.toml")))]
    asked += [task for suite in suites for task in load_suite(suite).tasks]
    there = [task for task in asked if task.name not in WITHOUT_DATA]
    return distinct(map(obtainable, there))


def obtainable(task: Choice) -> Choice:
    """Returns the task, or what of it can be measured here."""
    if task.name not in UNOBTAINABLE or task.settings.get("excerpt"):
        return task
    return Choice(name=task.name, settings={**task.settings, "excerpt": True})


def distinct(tasks: Iterable[Choice]) -> list[Choice]:
    """Returns tasks without those whose settings an earlier one has, all told."""
    found: dict[str, Choice] = {}
    for task in tasks:
        settings = TASKS[task.name].settings(task.settings)
        found.setdefault(json.dumps([task.name, settings], sort_keys=True), task)
    return list(found.values())


def is_known(task: Choice) -> bool:
    """Returns whether the file holds a task as it is today."""
    entry = TASKS[task.name]
    settings = entry.settings(task.settings)
    found = controls_of(task.name, settings)
    return len(found) == len(CONTROLS) and all(
        one.version == entry.version_of(settings) for one in found
    )


def run(tasks: Sequence[Choice], results: str, workers: int) -> list[Record]:
    """Returns the records of all runs.

    Raises:
        RuntimeError: a run failed or diverged.
    """
    content = {
        "name": "controls",
        "models": list(CONTROLS),
        "tasks": [{"name": task.name, **task.settings} for task in tasks],
        "seeds": SEEDS,
        "parameters": PARAMETERS,
        "trainer": TRAINER,
    }
    session = open_session(parse_suite(content, "controls"), results).ready()
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


def measured(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    """Returns what the file keeps of every task and control."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        bare = record.identity.model_copy(update={"seed": 0})
        groups.setdefault(bare.key, []).append(record)
    for runs in groups.values():
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


def order(row: dict[str, Any]) -> tuple[Any, ...]:
    """Returns where a row stands in the file: by task, the defaults first."""
    defaults = TASKS[row["task"]].defaults
    changed = {k: v for k, v in row["settings"].items() if v != defaults.get(k)}
    return row["task"], len(changed), json.dumps(changed), row["control"]


def merged(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the rows of the file with the found ones in the place of their like."""
    rows = [one.model_dump() for one in measurements().measured]
    return sorted({order(row): row for row in [*rows, *found]}.values(), key=order)


def main() -> None:
    """Runs what is asked for and writes the file."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--results", default="controls")
    words.add_argument("--tasks", nargs="+", default=None)
    words.add_argument("--workers", type=int, default=1)
    asked = words.parse_args()
    if asked.tasks is None:
        tasks = [task for task in wanted() if not is_known(task)]
    else:
        content = {"name": "x", "models": ["lstm"], "width": 1}
        content["tasks"] = [chosen(word) for word in asked.tasks]
        tasks = [obtainable(task) for task in parse_suite(content, "--tasks").tasks]
    found = list(measured(run(tasks, asked.results, asked.workers))) if tasks else []
    budget = {"parameters": PARAMETERS, "seeds": SEEDS, **TRAINER}
    content = {"command": COMMAND, "budget": budget, "measured": merged(found)}
    Path(str(FILE)).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
