"""The finite sets that the thesis used: sizes, raw inputs and their leak."""

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.tasks.activity import Activity
from nnarena.tasks.add import Add
from nnarena.tasks.base import AbstractTask, shuffled_splits
from nnarena.tasks.cell import Cell
from nnarena.tasks.files import DataFolder, DataProblem
from nnarena.tasks.memory import Memory
from nnarena.tasks.mnist import MNIST
from nnarena.tasks.walker import Walker


KEY = jax.random.key(2)
ROOT = Path(os.environ.get("NNARENA_DATA") or "/nowhere")


def real(folder: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not (ROOT / folder).is_dir(), reason=f"NNARENA_DATA holds no folder {folder}"
    )


def parts(task: AbstractTask) -> Any:
    return task.splits(DataFolder(ROOT), key=KEY)


def examples(task: AbstractTask, rows: Any):
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(task.example))(rows))


def test_forty_thousand_rows_split_as_the_thesis_counted_them():
    splits: Any = shuffled_splits(jnp.arange(40_000), key=KEY)
    sizes = [len(part) for part in (splits.train, splits.validation, splits.test)]
    assert sizes == [32_000, 3_968, 3_968]
    every = np.concatenate([splits.train, splits.validation, splits.test])
    assert len(set(every.tolist())) == sum(sizes)
    assert abs(np.mean(splits.test) - 20_000) < 4 * 40_000 / np.sqrt(12 * 3_968)


@pytest.mark.parametrize("count", [1_279, 12])
def test_too_few_rows_are_refused(count):
    with pytest.raises(DataProblem, match="tenths needs 1,280"):
        shuffled_splits(jnp.arange(count), key=KEY)


@pytest.mark.parametrize("task", [Activity, Add, Cell, Memory, MNIST, Walker])
@pytest.mark.parametrize("rows", [-5, 0, 1_279])
def test_too_small_a_set_is_refused_before_anything_is_read(task, rows):
    with pytest.raises(
        ValueError, match="rows must be a whole number of at least 1280"
    ):
        task(rows=rows)


def test_mnist_has_no_more_rows_than_it_has():
    with pytest.raises(ValueError, match="of at most 60000 or null, not 60001"):
        MNIST(rows=60_001)


@pytest.mark.parametrize(
    "task", [Add(rows=1_500), Memory(rows=1_500), Cell(length=12, rows=1_500)]
)
def test_a_finite_task_trains_on_the_same_rows_for_ever(task):
    splits = parts(task)
    assert splits.train.shape == (1_152,)
    assert splits.validation.shape == splits.test.shape == (128,)
    both = [parts(task) for _ in range(2)]
    first, again = (jax.random.key_data(both[i].train) for i in range(2))
    np.testing.assert_array_equal(first, again)


def test_raw_memory_shows_one_number_per_step_and_asks_with_a_place():
    task = Memory(fillers=4, symbols=2, classes=10, raw=True)
    shown = examples(task, jax.random.split(KEY, 50))
    assert shown.question.xs.shape == (50, 7, 1)
    assert shown.question.xs.dtype == np.float32
    numbers = shown.question.xs[..., 0].astype(int)
    assert np.all(numbers[:, 2:6] == 10)
    assert set(numbers[:, 6]) == {0, 1}
    np.testing.assert_array_equal(shown.targets, numbers[np.arange(50), numbers[:, 6]])


def test_blocks_are_the_two_sequences_of_the_thesis():
    shown = examples(Cell(blocks=3), jax.random.split(KEY, 40))
    assert shown.question.xs.shape == (40, 384, 2)
    assert len(np.unique(shown.question.xs, axis=0)) == 2
    for xs, targets in zip(shown.question.xs, shown.targets, strict=True):
        places, channels = np.nonzero(xs)
        assert places.tolist() == [0, 128, 256]
        assert channels.tolist() in ([0, 1, 0], [1, 0, 1])
        np.testing.assert_array_equal(targets, np.eye(2)[np.repeat(channels, 128)])
    assert shown.counts.all()


def test_blocks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="cannot cut 10 steps into 3 blocks"):
        Cell(length=10, blocks=3)


@real("mnist")
def test_mnist_raw_holds_bytes_of_training_images_only():
    task = MNIST(scaled=False, rows=2_000)
    splits = parts(task)
    assert [len(part[1]) for part in (splits.train, splits.test)] == [1_536, 128]
    shown = examples(task, jax.tree.map(lambda column: column[:50], splits.train))
    assert shown.question.xs.shape == (50, 98, 8)
    assert shown.question.xs.max() == 255.0
    official = MNIST().splits(DataFolder(ROOT), key=KEY)
    tested = {image.tobytes() for image in official.test[0]}
    assert not tested & {image.tobytes() for image in splits.test[0]}


@real("mnist")
def test_mnist_rows_need_the_training_files_alone(tmp_path):
    (tmp_path / "mnist").mkdir()
    for path in (ROOT / "mnist").resolve().glob("train-*"):
        (tmp_path / "mnist" / path.name).symlink_to(path)
    splits: Any = MNIST(rows=2_000).splits(DataFolder(tmp_path), key=KEY)
    assert len(splits.train[1]) == 1_536


@real("walker")
def test_windows_of_the_walker_shuffled_as_in_the_thesis_leak():
    """What the sound split is for: nearly every test window overlaps a training one."""
    splits = parts(Walker(stride=4, scaled=False, rows=40_000))
    train, test = splits.train, splits.test
    assert (len(train.inputs), len(test.inputs)) == (32_000, 3_968)
    known = {state.tobytes() for state in train.inputs.reshape(-1, 17)}
    seen = [state.tobytes() in known for state in test.following]
    assert np.mean(seen) > 0.9


@real("person_partial")
def test_windows_of_a_person_shuffled_as_in_the_thesis_leak():
    task = Activity(stride=4, scaled=False, timed=False, excerpt=True, rows=40_000)
    splits = parts(task)
    sizes = [len(part.labels) for part in (splits.train, splits.test)]
    assert sizes == [3_200, 384]
    known = {place.tobytes() for place in splits.train.places.reshape(-1, 3)}
    last = [place.tobytes() in known for place in splits.test.places[:, -1]]
    assert np.mean(last) > 0.9
    shown = examples(task, splits.test)
    np.testing.assert_array_equal(shown.question.dts, 1.0)
