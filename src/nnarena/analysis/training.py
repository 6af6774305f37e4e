"""Whether the contenders of a task were trained alike: if not, that may be why."""

import re
from collections.abc import Iterator

import pandas as pd

from .words import listed, some


TRAIT = re.compile(r", (?=[\w.]+=)")
"""Between two settings of a recipe's text; within a list no name follows a comma."""

MOST = 6
"""Contenders that a sentence names."""


def trained_otherwise(frame: pd.DataFrame) -> tuple[str, ...]:
    """Returns a sentence for each task whose contenders were not trained alike.

    Args:
        frame: one row per run, from `runs_frame`.
    """
    ways: dict[str, list[str]] = {}
    for task, runs in frame.groupby("task", sort=False):
        told = _told({str(c): _recipes(own) for c, own in runs.groupby("contender")})
        if told:
            ways.setdefault(told, []).append(str(task))
    count = len(set(frame["task"]))
    return tuple(
        f"Not all contenders were trained alike on {_where(tasks, count)}: {told}. "
        "What sets them apart may be that."
        for told, tasks in ways.items()
    )


def _where(tasks: list[str], count: int) -> str:
    """Returns the tasks of a sentence, of so many of a table."""
    return "any task" if len(tasks) == count > 2 else listed(tasks)


def _recipes(runs: pd.DataFrame) -> frozenset[tuple[str, ...]]:
    """Returns the ways in which some runs were trained, setting by setting."""
    return frozenset(
        (f"by {name}", *TRAIT.split(settings), f"version={version}")
        for name, settings, version in zip(
            runs["trainer"],
            runs["trainer_settings"],
            runs["trainer_version"],
            strict=True,
        )
    )


def _told(recipes: dict[str, frozenset[tuple[str, ...]]]) -> str:
    """Returns who was trained how, but for what all have alike; "" if all is alike.

    Those that few share come first: what most have is the least news.
    """
    if len(set(recipes.values())) < 2:
        return ""
    ways = [way for own in recipes.values() for way in own]
    groups: dict[str, list[str]] = {}
    for contender, own in recipes.items():
        groups.setdefault(" or ".join(_different(own, ways)), []).append(contender)
    rare = sorted(groups.items(), key=lambda group: len(group[1]))
    parts = [f"{some(names)} {told}" for told, names in rare]
    more = len(parts) - MOST
    return "; ".join([*parts[:MOST], *([f"{more} more"] if more > 0 else [])])


def _different(
    own: frozenset[tuple[str, ...]], ways: list[tuple[str, ...]]
) -> Iterator[str]:
    """Yields the ways of a contender by what sets each apart.

    A setting that not all trainers have is held against those of its own trainer.
    """
    everywhere = set.intersection(*({_name(trait) for trait in way} for way in ways))
    for way in sorted(own):
        same = [other for other in ways if other[0] == way[0]]
        shown = [
            trait
            for trait in way
            if any(
                trait not in other
                for other in (ways if _name(trait) in everywhere else same)
            )
        ]
        yield f"({', '.join(shown)})" if shown else "(the usual)"


def _name(trait: str) -> str:
    """Returns the name of a setting; that of the trainer is a setting too."""
    return "by" if trait.startswith("by ") else trait.partition("=")[0]
