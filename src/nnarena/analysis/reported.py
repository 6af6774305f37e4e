"""What contenders say of themselves in their records, in sentences."""

import json
from statistics import median

import pandas as pd

from .text import figure
from .words import listed


def reported(frame: pd.DataFrame) -> tuple[str, ...]:
    """Returns a sentence for each contender whose records hold figures of its own.

    With the least and the greatest of the medians over the runs of each task.

    Args:
        frame: one row per run, from `runs_frame`.
    """
    said = frame.loc[~frame["figures"].isin(["{}", ""])]
    return tuple(
        f"{contender} reports " + listed(_ranges(runs)) + "."
        for contender, runs in said.groupby("contender", sort=False)
    )


def _ranges(runs: pd.DataFrame) -> list[str]:
    figures: dict[str, dict[str, list[float]]] = {}
    for task, text in zip(runs["task"], runs["figures"], strict=True):
        for name, value in json.loads(text).items():
            figures.setdefault(name, {}).setdefault(task, []).append(value)
    return [_range(name.replace("_", " "), tasks) for name, tasks in figures.items()]


def _range(name: str, tasks: dict[str, list[float]]) -> str:
    """Returns the figures of a name with the tasks of the least and the greatest."""
    medians = sorted((median(values), task) for task, values in tasks.items())
    (low, least), (high, greatest) = medians[0], medians[-1]
    if least == greatest:
        return f"a {name} of {figure(low)} on {least}"
    return f"a {name} of {figure(low)} ({least}) to {figure(high)} ({greatest})"
