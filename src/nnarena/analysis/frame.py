"""Records as a table: one row per run."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..runs.record import Entrant, History, Record, Scoring
from .labels import (
    added_text,
    contender_labels,
    flatten,
    natural_key,
    task_labels,
    traits_text,
)


AXES = ("length", "fillers", "delay")
"""The axes of tasks in records from before these named them: the first that it has."""

FLOOR = -1.0
"""The least that a run counts: as far below a blind answer as a perfect one is above.

It lies far below what a blind answer reaches by luck, so that no run near blind meets
it: a floor at blind would take the bad luck away and leave the good, and so reward
contenders whose runs vary.
"""

Histories = Callable[[str], History | None]
"""Returns the history of a run by its key, as a store does."""

Row = dict[str, Any]
"""One run: a row of `runs_frame`."""

TEXT = (
    *("key", "contender", "task", "model", "model_settings", "added_settings"),
    *("family", "task_name", "figures"),
)
SERIES = ("series", "length_name")
SETUP = (
    *("task_version", "task_settings"),
    *("trainer", "trainer_version", "trainer_settings"),
    *("outcome", "reason", "metric"),
)
WHOLE = ("seed", "width", "steps")
NUMBERS = (
    *("parameters", "asked_parameters", "best_step", "learning_rate"),
    *("test_score", "test_loss", "validation_score", "validation_loss"),
    *("normalized", "counted", "counted_score", "chance", "best", "worst", "bar"),
    "test_rows",
    *("solve_step", "solve_seconds", "length"),
    *("compile_seconds", "run_seconds", "seconds_per_step"),
    *("peak_bytes", "program_bytes", "matmul_flops_per_step", "state_size"),
)
FLAGS = ("solved", "higher_is_better", "share", "seen")
COLUMNS = (*TEXT, *SERIES, *SETUP, *WHOLE, *NUMBERS, *FLAGS)


def runs_frame(
    records: Iterable[Record], histories: Histories | None = None
) -> pd.DataFrame:
    """Returns one row per run, ordered by contender, task and seed.

    Args:
        records: the runs.
        histories: returns the history of a key, for the time to solve.

    Missing numbers are NaN. The columns that are not copied from a record:

        contender, task   labels that tell variants apart (`labels.py`)
        added_settings    what of `model_settings` planning adds where a task needs it
        normalized        the test score where blind is 0 and perfect 1; finished runs
        counted           what a run adds to a mean: its normalized score as it is, but
                          no less than `FLOOR`; a diverged run counts 0, as a blind
                          answer does; a failed run counts for nothing and is NaN
        counted_score     the score on the task's own scale, without a floor; a diverged
                          run has chance
        worst             the score below which no answer can fall; NaN if unknown
        bar, solved       the score that solves the task, and whether it was reached
        share             whether the score is a share of right answers
        figures           what contenders say of themselves, by name, as JSON
        seen              whether all test examples are examples of training
        solve_step        the step of the first check whose validation score reaches
                          the bar; inf where none does or the run diverged, NaN where
                          it failed or no history is kept
        solve_seconds     `solve_step` times `seconds_per_step`
        series            the task without its axis: tasks that differ in nothing else
                          share it
        length            the setting `length_name` of the task, its axis ("length",
                          "fillers"), NaN and "" where it has none
        seconds_per_step  `run_seconds` over `steps`, checks included

    A diverged run says that it broke, so that its user falls back on a blind answer: 0.
    A run that finished and answers worse than blind misleads, and counts what it costs,
    down to the floor, which keeps one run a thousand times worse than blind from
    deciding over all the others.
    """
    listed = list(records)
    contenders, tasks = contender_labels(listed), task_labels(listed)
    rows = [
        row_of(record, contender, task, histories(record.key) if histories else None)
        for record, contender, task in zip(listed, contenders, tasks, strict=True)
    ]
    return table_of(sorted(rows, key=_order))


def table_of(rows: Sequence[Row]) -> pd.DataFrame:
    """Returns rows of runs as a table with the columns of `runs_frame`, in order."""
    frame = pd.DataFrame(list(rows), columns=list(COLUMNS))
    kinds = dict.fromkeys(WHOLE, "int64") | dict.fromkeys(NUMBERS, "float64")
    return frame.astype(kinds | dict.fromkeys(FLAGS, "bool"))


def _order(row: dict[str, object]) -> tuple[list[tuple], list[tuple], int]:
    seed = row["seed"]
    assert isinstance(seed, int)
    return natural_key(str(row["contender"])), natural_key(str(row["task"])), seed


def row_of(
    record: Record, contender: str, task: str, history: History | None = None
) -> Row:
    """Returns the row of one run, whose contender and task are labeled so.

    What is missing is None or NaN until `table_of` makes it NaN.
    """
    cost = _cost(record)
    step = _solve_step(record, history)
    return {
        "key": record.key,
        "contender": contender,
        "task": task,
        **_identity(record),
        **_length(record.identity.task, record.axis),
        **_scores(record),
        **cost,
        "solve_step": step,
        "solve_seconds": step * _number(cost["seconds_per_step"]),
    }


def _identity(record: Record) -> dict[str, object]:
    identity = record.identity
    return {
        "model": identity.model.name,
        "model_settings": traits_text(flatten(identity.model.all_settings)),
        "added_settings": added_text(identity.model),
        "family": record.family,
        "task_name": identity.task.name,
        "task_version": identity.task.version,
        "task_settings": traits_text(flatten(identity.task.all_settings)),
        "trainer": identity.trainer.name,
        "trainer_version": identity.trainer.version,
        "trainer_settings": traits_text(flatten(identity.trainer.all_settings)),
        "seed": identity.seed,
        "width": identity.width,
        "asked_parameters": record.provenance.asked_parameters,
    }


def _scores(record: Record) -> dict[str, object]:
    result, scoring = record.result, record.scoring
    finished = result.outcome == "finished"
    score = _number(result.test_score) if finished else math.nan
    normalized = _normalized(scoring, score)
    diverged = result.outcome == "diverged"
    return {
        **result.model_dump(exclude={"test_score", "reason"}),
        "reason": result.reason or "",
        "figures": json.dumps(result.figures, sort_keys=True),
        "test_score": score,
        "normalized": normalized,
        "counted": 0.0 if diverged else float(np.maximum(normalized, FLOOR)),
        "counted_score": scoring.chance if diverged else score,
        "solved": not math.isnan(score) and scoring.is_solved(score),
        "metric": scoring.metric,
        "higher_is_better": scoring.higher_is_better,
        "share": scoring.share,
        "seen": scoring.seen,
        "chance": scoring.chance,
        "best": scoring.best,
        "worst": scoring.worst,
        "bar": scoring.solved,
    }


def _length(task: Entrant, axis: str | None) -> dict[str, object]:
    settings = task.all_settings
    name = axis or next((name for name in AXES if name in settings), "")
    value = settings.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return {"series": task.name, "length": math.nan, "length_name": ""}
    others = {key: value for key, value in task.settings.items() if key != name}
    told = traits_text(flatten(others) | {"version": task.version})
    return {"series": f"{task.name} ({told})", "length": value, "length_name": name}


def _solve_step(record: Record, history: History | None) -> float:
    if history is None or record.result.outcome == "failed":
        return math.nan
    if record.result.outcome == "diverged":
        return math.inf
    series = history.series
    checks = zip(
        series.get("step", []), series.get("validation_score", []), strict=False
    )
    passed = (
        step
        for step, score in checks
        if step is not None and score is not None and record.scoring.is_solved(score)
    )
    return next(passed, math.inf)


def _cost(record: Record) -> dict[str, float | None]:
    cost, steps = record.cost, record.result.steps
    per_step = cost.run_seconds / steps if steps else math.nan
    return {**cost.model_dump(), "seconds_per_step": per_step}


def _normalized(scoring: Scoring, score: float) -> float:
    return math.nan if scoring.best == scoring.chance else scoring.normalized(score)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
