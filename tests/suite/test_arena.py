"""The sound protocol: nothing of the test has been seen in training."""

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from nnarena.suite.config import Choice, load_suite
from nnarena.suite.entrants import make_task
from nnarena.tasks.files import DataFolder


ROOT = Path(os.environ.get("NNARENA_DATA") or "/nowhere")
FOLDERS = {"walker": "walker", "activity": "person_partial"}
"""Where the windows that overlap come from."""


def inputs_of(task: Any, rows: Any) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(task.example))(rows).question.xs)


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_no_test_window_shares_a_row_with_training(name):
    """Bit by bit, over every step of every window that the suite would use."""
    if not (ROOT / FOLDERS[name]).is_dir():
        pytest.skip(f"NNARENA_DATA holds no folder {FOLDERS[name]}")
    (choice,) = (task for task in load_suite("arena").tasks if task.name == name)
    settings = {**choice.settings, "excerpt": True} if name == "activity" else {}
    task = make_task(Choice(name=name, settings=settings))
    splits = task.splits(DataFolder(ROOT), key=jax.random.key(0))
    sides = []
    for part in (splits.train, splits.validation, splits.test):
        xs = inputs_of(task, part)
        sides.append({step.tobytes() for step in xs.reshape(-1, xs.shape[-1])})
    train, validation, test = sides
    assert min(map(len, sides)) > 100
    assert not train & test
    assert not validation & test
    assert not train & validation


def test_what_is_declared_is_what_is_done():
    suite = load_suite("arena")
    assert len(suite.seeds) >= 5
    assert suite.parameters
    assert len(suite.trainer["learning_rate"]) > 1
    assert suite.trainer["patience"] >= suite.trainer["checks"] // 2
    assert suite.trainer.get("clip", 1.0) > 0
    for task in suite.tasks:
        assert "rows" not in task.settings


def test_streams_of_xor_are_short_enough_to_be_learned():
    (choice,) = (task for task in load_suite("arena").tasks if task.name == "xor")
    assert choice.settings == {"length": 16}
