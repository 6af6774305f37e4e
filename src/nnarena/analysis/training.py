"""Whether the contenders of a task were trained alike: if not, that may be why."""

import re
from collections.abc import Iterator

import pandas as pd


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
    return tuple(
        f"Not all contenders were trained alike on {', '.join(tasks)}: {told}. What "
        "sets them apart may be that."
        for told, tasks in ways.items()
    )


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
    """Returns who was trained how, but for what all have alike; "" if all is alike."""
    if len(set(recipes.values())) < 2:
        return ""
    every = [set(way) for ways in recipes.values() for way in ways]
    alike = set.intersection(*every)
    parts = [
        f"{contender} {' or '.join(_different(ways, alike))}"
        for contender, ways in recipes.items()
    ]
    more = len(parts) - MOST
    return "; ".join([*parts[:MOST], *([f"{more} more"] if more > 0 else [])])


def _different(ways: frozenset[tuple[str, ...]], alike: set[str]) -> Iterator[str]:
    for way in sorted(ways):
        own = [trait for trait in way if trait not in alike]
        yield f"({', '.join(own)})" if own else "(the usual)"
