"""The copying problem: its sequences token by token, its baseline, its rows."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.types import Example
from nnarena.tasks import TASKS
from nnarena.tasks.copy import Copy
from nnarena.tasks.files import DataFolder
from nnarena.training.losses import Loss


def examples(task: Any, count: int = 64) -> Example:
    rows = jax.random.split(jax.random.key(0), count)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(task.example))(rows))


def test_a_sequence_is_the_one_that_is_drawn():
    """5 1 7 . . . > . . . asks for 5 1 7 in the last three steps, and for no more."""
    found = examples(Copy(delay=4, symbols=3))
    kept = found.question.xs[:, :3]
    assert found.question.xs.shape == (64, 4 + 2 * 3)
    np.testing.assert_array_equal(
        found.question.xs[:, 3:], [[8, 8, 8, 9, 8, 8, 8]] * 64
    )
    np.testing.assert_array_equal(found.targets[:, 7:], kept)
    np.testing.assert_array_equal(found.counts, [[False] * 7 + [True] * 3] * 64)
    assert set(kept.ravel()) == set(range(8))


def test_the_default_is_that_of_the_paper():
    task = Copy()
    (tokens,) = examples(task, 1).question.xs
    assert len(tokens) == 100 + 20
    # The paper: 10 symbols, T - 1 blanks, the delimiter, 10 blanks.
    assert (tokens[10:109] == 8).all()
    assert tokens[109] == 9
    assert (tokens[110:] == 8).all()
    assert (task.signature.inputs.size, task.signature.outputs.size) == (10, 8)


def test_every_symbol_is_recalled_after_the_same_distance():
    found = examples(Copy(delay=5, symbols=4, classes=3))
    assert found.counts is not None
    where = np.flatnonzero(found.counts[0])
    np.testing.assert_array_equal(where, np.arange(4) + 5 + 4)
    for place, step in enumerate(where):
        np.testing.assert_array_equal(
            found.targets[:, step], found.question.xs[:, place]
        )


@pytest.mark.parametrize(("delay", "paper"), [(100, 0.1733), (500, 0.0400)])
def test_without_memory_the_loss_is_the_stated_one(delay, paper):
    """A recalled symbol costs ln 8; the paper averages over all steps."""
    task = Copy(delay=delay)
    example = task.example(jax.random.key(3))
    blind = Loss(task.signature.outputs).sums(
        jnp.zeros((delay + 20, 8)), example.targets, example.judged("every step")
    )
    assert blind.weight == 10
    assert float(blind.value) == pytest.approx(np.log(8), rel=1e-6)
    assert float(blind.total) / (delay + 20) == pytest.approx(paper, abs=5e-5)
    assert task.scoring.chance == 1 / 8


def test_an_answer_without_memory_scores_chance():
    """The best constant has 1/8 of many symbols, whichever it is."""
    found = examples(Copy(delay=1), 2_000)
    shares = np.bincount(found.targets[:, -10:].ravel(), minlength=8) / 20_000
    assert np.abs(shares - 1 / 8).max() < 4 * np.sqrt(1 / 8 * 7 / 8 / 20_000)


def test_test_lists_are_not_those_of_training():
    task = Copy(delay=1)
    splits = task.splits(DataFolder(), key=jax.random.key(0))
    assert splits.train is None  # drawn afresh
    make = jax.jit(jax.vmap(lambda row: task.example(row).question.xs[:10]))
    tests = {row.tobytes() for row in np.asarray(make(splits.test))}
    drawn = np.asarray(make(jax.random.split(jax.random.key(1), 20_000)))
    assert len(tests) == 2_000
    assert len(tests & {row.tobytes() for row in drawn}) <= 2  # 0.04 are expected


def test_it_names_its_settings():
    assert TASKS["copy"].defaults == {"delay": 100, "symbols": 10, "classes": 8}


@pytest.mark.parametrize("settings", [{"delay": 0}, {"symbols": 0}, {"classes": 1}])
def test_what_cannot_be_is_refused(settings):
    with pytest.raises(ValueError, match="must be a whole number of at least"):
        Copy(**settings)
