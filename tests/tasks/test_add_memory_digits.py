"""Closed forms: what an example must say, computed by hand from what it shows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.seeds import key_for
from nnarena.core.types import Example
from nnarena.tasks import AbstractTask
from nnarena.tasks.add import Add
from nnarena.tasks.digits import Digits
from nnarena.tasks.files import DataFolder
from nnarena.tasks.memory import Memory


def draw(task: AbstractTask, count: int = 200) -> Example:
    """Returns examples of a synthetic task, with a leading axis, as numpy arrays."""
    rows = jax.random.split(jax.random.key(5), count)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(task.example))(rows))


@pytest.mark.parametrize("length", [2, 3, 20])
def test_add_asks_for_the_marked_sum(length):
    examples = draw(Add(length=length))
    values, markers = examples.question.xs[..., 0], examples.question.xs[..., 1]
    assert examples.question.xs.shape == (200, length, 2)
    assert set(np.unique(markers)) <= {0.0, 1.0}
    half = length // 2
    np.testing.assert_array_equal(markers[:, :half].sum(axis=1), 1.0)
    np.testing.assert_array_equal(markers[:, half:].sum(axis=1), 1.0)
    assert values.min() >= 0.0
    assert values.max() < 1.0
    marked = np.sort(np.asarray(values)[np.asarray(markers) == 1.0].reshape(200, 2))
    np.testing.assert_allclose(examples.targets[:, 0], marked.sum(axis=1), rtol=1e-6)


def test_add_marks_every_place():
    markers = draw(Add(length=6), count=400).question.xs[..., 1]
    share = np.asarray(markers).mean(axis=0)
    # A marker stands in each half, at each of its three places alike.
    np.testing.assert_allclose(share, 1 / 3, atol=4 * np.sqrt(2 / 9 / 400))


@pytest.mark.parametrize(("symbols", "fillers"), [(1, 0), (1, 7), (3, 4)])
def test_memory_asks_for_the_symbol_at_a_place(symbols, fillers):
    classes = 5
    examples = draw(Memory(fillers=fillers, symbols=symbols, classes=classes))
    tokens = np.asarray(examples.question.xs)
    assert tokens.shape == (200, symbols + fillers + 1)
    kept, filler = tokens[:, :symbols], tokens[:, symbols:-1]
    assert kept.min() == 0
    assert kept.max() == classes - 1
    assert np.all(filler == classes)
    place = tokens[:, -1] - (classes + 1)
    assert set(place) == set(range(symbols))
    np.testing.assert_array_equal(examples.targets, kept[np.arange(200), place])


def test_memory_has_a_token_for_every_question():
    signature = Memory(symbols=3, classes=5).signature
    assert (signature.inputs.size, signature.outputs.size) == (5 + 1 + 3, 5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Add(length=1),
        lambda: Memory(classes=1),
        lambda: Memory(symbols=0),
        lambda: Memory(fillers=-1),
        lambda: Digits(chunk=3),
        lambda: Digits(chunk=0),
    ],
)
def test_impossible_numbers_are_refused(make):
    with pytest.raises(
        ValueError,
        match=r"needs a chunk that divides|must be a whole number of at least",
    ):
        make()


def test_digits_are_split_once():
    splits = Digits().splits(DataFolder(), key=key_for("data", "digits"))
    assert splits.train is not None
    parts = (splits.train, splits.validation, splits.test)
    assert [len(labels) for _, labels in parts] == [1077, 360, 360]
    labels = np.concatenate([labels for _, labels in parts])
    assert np.bincount(labels).tolist() == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip
    images = np.concatenate([images for images, _ in parts])
    assert images.shape == (1797, 64)
    assert (images.min(), images.max()) == (0, 16)


@pytest.mark.parametrize("chunk", [1, 8, 64])
def test_digits_come_in_chunks(chunk):
    image = np.arange(64, dtype=np.uint8) % 17
    example = Digits(chunk=chunk).example((jnp.asarray(image), jnp.uint8(7)))
    assert example.question.xs.shape == (64 // chunk, chunk)
    np.testing.assert_array_equal(np.ravel(example.question.xs), image / np.float32(16))
    assert (example.targets.dtype, int(example.targets)) == (jnp.int32, 7)
