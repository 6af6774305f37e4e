"""Every registered task is held to every law."""

import os
from functools import cache
from pathlib import Path

import pytest

from nnarena.check import TASK_LAWS, TaskCase, check_task, judge
from nnarena.core.registry import UnknownName
from nnarena.tasks import TASKS
from nnarena.tasks.files import DataFolder


VARIANTS = {
    **{entry.name: (entry.name, {}) for entry in TASKS},
    "lra_pathfinder": ("lra_pathfinder", {"contour": 6, "rows": 400}),  # quick to make
    "path-x": ("lra_pathfinder", {"size": 128, "contour": 6, "rows": 40}),
    "memory of three": ("memory", {"symbols": 3, "fillers": 5}),
    "digits by row": ("digits", {"chunk": 8}),
    "raw walker by short windows": ("walker", {"window": 16, "scaled": False}),
    "activity of one person": ("activity", {"excerpt": True}),
    "cell of few pulses": ("cell", {"length": 20, "rate": 0.01}),
    "permuted mnist": ("mnist", {"permuted": True, "chunk": 28}),
}
"""Every task as it is by default, and some with other numbers."""


@cache
def case(variant: str) -> TaskCase:
    """One case per task: what one law drew serves the others."""
    root = os.environ.get("NNARENA_DATA")
    return TaskCase(*VARIANTS[variant], data=DataFolder(Path(root) if root else None))


@pytest.mark.parametrize("law", TASK_LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_task_obeys(variant, law):
    verdict = judge(law, case(variant))
    if verdict.passed is None:
        pytest.skip(verdict.detail)
    assert verdict.passed, verdict.detail


def test_missing_data_is_no_fault_of_the_task():
    verdicts = {verdict.law: verdict for verdict in check_task("mnist")}
    assert verdicts["documented"].passed
    assert verdicts["scoring"].passed
    assert verdicts["chance"].passed is None
    assert "train-images-idx3-ubyte.gz" in verdicts["chance"].detail


def test_a_wrong_name_or_number_is_refused_before_any_law():
    with pytest.raises(UnknownName, match="did you mean digits"):
        check_task("digit")
    with pytest.raises(ValueError, match="has no setting 'lenght'"):
        check_task("add", {"lenght": 2})
    with pytest.raises(ValueError, match="add: length must be a whole number of at"):
        check_task("add", {"length": 1})


def test_a_wrong_value_is_told_once():
    broken, *others = check_task("digits", {"chunk": 3})
    assert broken.passed is False
    assert broken.detail == (
        "expected an answer, but it raised ValueError: "
        "digits needs a chunk that divides 64, not 3"
    )
    assert {(v.passed, v.detail) for v in others} == {(None, "it cannot be run yet")}
