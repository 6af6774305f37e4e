"""Repeated copying: every sequence is what is drawn, step by step."""

from typing import Any

import jax
import numpy as np
import pytest

from nnarena.tasks.repeat_copy import RepeatCopy


@pytest.fixture(scope="module")
def examples() -> Any:
    rows = jax.random.split(jax.random.key(0), 500)
    make = jax.jit(jax.vmap(RepeatCopy(length=4, repeats=3, bits=2).example))
    return jax.tree.map(np.asarray, make(rows))


def test_a_list_is_asked_for_as_often_as_is_said(examples):
    """Read back from the inputs alone, against a loop that says the list."""
    lengths, counts = set(), set()
    for xs, present, targets, judged in zip(
        examples.question.xs,
        examples.question.present,
        examples.targets,
        examples.counts,
        strict=True,
    ):
        (asked,) = np.flatnonzero(xs[:, 2])
        repeats = round(float(xs[asked, 3]) * 2.872 + 5.5)
        shown = xs[:asked, :2]
        assert not xs[asked + 1 :].any()
        assert not xs[asked, :2].any()
        assert not xs[:asked, 2:].any()
        said = [[*vector, 0] for _ in range(repeats) for vector in shown] + [[0, 0, 1]]
        np.testing.assert_array_equal(targets[judged], said)
        first = asked + 1
        np.testing.assert_array_equal(
            np.flatnonzero(judged), np.arange(first, first + len(said))
        )
        assert present.sum() == first + len(said)
        lengths.add(int(asked))
        counts.add(repeats)
    assert lengths == {1, 2, 3, 4}
    assert counts == {1, 2, 3}


def test_bits_are_fair(examples):
    asked = examples.question.xs[..., 2].argmax(axis=1)
    before = np.arange(examples.question.xs.shape[1]) < asked[:, None]
    bits = examples.question.xs[..., :2][before]
    assert abs(bits.mean() - 0.5) < 4 * 0.5 / np.sqrt(bits.size)


def test_chance_counts_half_the_bits_and_the_end(examples):
    """All answers silent: every 1 is wrong."""
    scoring = RepeatCopy(length=4, repeats=3, bits=2).scoring
    wrong = (examples.targets & examples.counts[..., None]).sum(axis=(1, 2))
    assert scoring.chance == 2 / 2 * 2.5 * 2 + 1
    assert abs(wrong.mean() - scoring.chance) < 4 * wrong.std() / np.sqrt(500)
    assert RepeatCopy().scoring.chance == 122.0
