"""Parity, counted by hand and by brute force."""

import itertools

import jax
import numpy as np
import pytest

from nnarena.core.types import Classes, Tokens
from nnarena.tasks.xor import XOR


def draw(length: int, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Returns bits and answers."""
    rows = jax.random.split(jax.random.key(5), count)
    examples = jax.jit(jax.vmap(XOR(length=length).example))(rows)
    return np.asarray(examples.xs), np.asarray(examples.targets)


@pytest.mark.parametrize("length", [1, 2, 5, 64])
def test_the_answer_is_the_exclusive_or_of_all_bits(length: int):
    bits, targets = draw(length)
    assert bits.shape == (400, length)
    assert set(np.unique(bits)) == {0, 1}
    np.testing.assert_array_equal(targets, np.bitwise_xor.reduce(bits, axis=1))


def test_every_stream_is_drawn_alike():
    bits, _ = draw(3, count=800)
    counts = np.bincount(bits @ [4, 2, 1], minlength=8)
    # A hundred of each, within four standard deviations.
    np.testing.assert_allclose(counts, 100, atol=4 * np.sqrt(800 * 7 / 64))


def test_all_bits_but_one_leave_the_answer_open():
    """Of all streams, those that agree in all other places have either answer."""
    bits, targets = draw(4, count=400)
    answers = {tuple(s): answer for s, answer in zip(bits, targets, strict=True)}
    assert len(answers) == 16
    for stream, place in itertools.product(answers, range(4)):
        turned = tuple(b ^ (i == place) for i, b in enumerate(stream))
        assert answers[stream] != answers[turned]


def test_the_length_of_the_thesis_is_the_default():
    task = XOR()
    assert task.length == 64
    assert task.signature.inputs == Tokens(2)
    assert task.signature.outputs == Classes(2)
    assert (task.scoring.chance, task.scoring.solved) == (0.5, 0.9)


def test_a_stream_has_a_bit():
    with pytest.raises(ValueError, match="needs a length"):
        XOR(length=0)
