"""The latch: its three forms, and the one unit that solves it."""

from typing import Any

import jax
import numpy as np
import pytest

from nnarena.tasks.bengio_latch import BengioLatch


def examples(**settings: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns inputs and classes of 2,000 sequences of 60 steps."""
    rows = jax.random.split(jax.random.key(0), 2_000)
    make = jax.jit(jax.vmap(BengioLatch(length=60, **settings).example))
    found = make(rows)
    return np.asarray(found.question.xs), np.asarray(found.targets)


@pytest.fixture(scope="module")
def latch() -> tuple[np.ndarray, np.ndarray]:
    return examples()


def about(found: float, expected: float, count: int) -> bool:
    """Whether a standard deviation is that of so many normal numbers."""
    return abs(found / expected - 1) < 5 / np.sqrt(2 * count)


def test_the_first_input_is_the_class_and_the_rest_noise(latch):
    xs, classes = latch
    np.testing.assert_array_equal(xs[:, 0, 0], 2.0 * classes - 1.0)
    assert about(xs[:, 1:].std(), 0.2, 2_000 * 59)
    assert abs(classes.mean() - 0.5) < 4 * 0.5 / np.sqrt(2_000)
    means = [xs[classes == label, 1:].mean() for label in (0, 1)]
    np.testing.assert_allclose(means, 0.0, atol=5 * 0.2 / np.sqrt(900 * 59))


def test_the_free_form_has_the_same_inputs_in_two_channels(latch):
    xs, classes = examples(form="free")
    np.testing.assert_array_equal(classes, latch[1])
    np.testing.assert_array_equal(xs.sum(axis=-1, keepdims=True), latch[0])
    assert not xs[:, 1:, 0].any()
    assert not xs[:, 0, 1].any()


def test_two_sequences_show_their_class_for_ten_steps():
    xs, classes = examples(form="two_sequence", noise=0.3)
    shown = xs[:, :10, 0] - (2.0 * classes - 1.0)[:, None]
    assert about(shown.std(), 0.3, 2_000 * 10)
    assert about(xs[:, 10:].std(), 1.0, 2_000 * 50)


@pytest.mark.parametrize(
    ("weight", "least", "most"), [(2.0, 1.0, 1.0), (0.8, 0.4, 0.6)]
)
def test_one_unit_holds_the_bit_if_its_weight_is_above_one(latch, weight, least, most):
    """Above 1 the unit has two stable points, below it forgets."""
    xs, classes = latch
    h = np.zeros(len(xs))
    for x in xs[..., 0].T:
        h = np.tanh(weight * h + x)
    assert least <= np.mean((h > 0) == classes) <= most


def test_what_cannot_be_is_refused():
    words = "a length above 10 in the form two_sequence, not 10"
    with pytest.raises(ValueError, match=words):
        BengioLatch(length=10, form="two_sequence")
