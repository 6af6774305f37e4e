"""Random answers with ties, classes that never come, and steps that do not count."""

import jax
import jax.numpy as jnp
import numpy as np

from nnarena.core.types import Classes, Example, Labels, Outputs, Sequence
from nnarena.training.objective import Judged, Objective


ROWS, TIME = 12, 3

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Answers, targets and which of them count, with leading axes of rows and steps."""


def draw(seed: int, outputs: Outputs, *, levels: int = 3) -> Drawn:
    """Returns answers to a few rows; one row counts nowhere, two classes may be empty.

    Logits are whole numbers of few levels, so that many are equal.
    """
    rng = np.random.default_rng(seed)
    shape = (ROWS, TIME, outputs.size)
    answers = rng.integers(-levels, levels + 1, shape).astype(np.float32)
    if isinstance(outputs, Classes):
        targets = rng.integers(rng.integers(1, outputs.size + 1), size=shape[:2])
    elif isinstance(outputs, Labels):
        targets = rng.random(shape) < rng.random(outputs.size)
    else:
        targets = rng.standard_normal(shape).astype(np.float32)
    counts = rng.random(shape[:2]) < 0.7
    counts[0] = False
    counts[1, 0] = True
    return answers, targets, counts


def judge(objective: Objective, answers, targets, counts) -> Judged:
    """Returns what is kept of every row."""

    def one(answers, targets, counts) -> Judged:
        example = Example(Sequence(jnp.zeros((TIME, 1))), targets, counts)
        return objective.judge(answers, example)

    return jax.vmap(one)(*map(jnp.asarray, (answers, targets, counts)))
