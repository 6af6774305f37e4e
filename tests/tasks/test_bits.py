"""Tasks of bit vectors: every sequence is what is drawn, read back from its inputs."""

from typing import Any

import jax
import numpy as np
import pytest

from nnarena.tasks import AbstractTask
from nnarena.tasks.associative_recall import AssociativeRecall
from nnarena.tasks.bits import Largest
from nnarena.tasks.copy_bits import CopyBits
from nnarena.tasks.files import DataFolder
from nnarena.tasks.repeat_copy_bits import RepeatCopyBits
from nnarena.tasks.reverse import Reverse
from nnarena.tasks.sort_bits import SortBits


ROWS = 400


def examples(task: AbstractTask, *, held_out: bool = False) -> Any:
    """Returns examples as they are trained on, or asked for in the end."""
    rows = jax.random.split(jax.random.key(0), ROWS)
    if held_out:
        rows = task.splits(DataFolder(), key=jax.random.key(1)).test
    make = jax.jit(jax.vmap(task.example))
    return jax.tree.map(np.asarray, make(rows))


def each(found: Any) -> Any:
    """Yields inputs and answers of every example, of steps that are there and count."""
    question = found.question
    for xs, present, targets, judged in zip(
        question.xs, question.present, found.targets, found.counts, strict=True
    ):
        length = int(present.sum())
        assert present[:length].all()
        assert judged[length - 1]  # the last step is an answer
        assert not judged[length:].any()
        assert not targets[~judged].any()
        yield xs[:length], targets[judged], np.flatnonzero(judged)


def test_a_list_is_said_again():
    lengths = []
    for xs, said, at in each(examples(CopyBits(length=4, bits=2))):
        (asked,) = np.flatnonzero(xs[:, 2])
        np.testing.assert_array_equal(said, xs[:asked, :2])
        np.testing.assert_array_equal(at, asked + 1 + np.arange(asked))
        assert not xs[asked:, :2].any()
        lengths.append(int(asked))
    counts = np.bincount(lengths, minlength=5)[1:]
    assert len(counts) == 4
    assert np.abs(counts - ROWS / 4).max() < 4 * np.sqrt(ROWS * 3 / 16)


def test_a_list_is_said_as_often_as_is_asked():
    pairs = set()
    for xs, said, at in each(examples(RepeatCopyBits(length=3, repeats=4, bits=2))):
        (asked,) = np.flatnonzero(xs[:, 2])
        repeats = round(float(xs[asked, 3]) * 2.872 + 5.5)
        shown = [[*vector, 0] for vector in xs[:asked, :2]]
        np.testing.assert_array_equal(said, [*(shown * repeats), [0, 0, 1]])
        np.testing.assert_array_equal(at, asked + 1 + np.arange(asked * repeats + 1))
        pairs.add((int(asked), repeats))
    assert pairs == {(length, n) for length in (1, 2, 3) for n in (1, 2, 3, 4)}


def test_the_item_after_the_one_that_is_asked_for_is_said():
    """With six bits an item is alike to another too seldom to be drawn here."""
    asked_for = set()
    for xs, said, at in each(examples(AssociativeRecall(items=4, vectors=2, bits=6))):
        begins = np.flatnonzero(xs[:, 6])
        first, last = np.flatnonzero(xs[:, 7])
        items = [xs[begin + 1 : begin + 3, :6].tolist() for begin in begins]
        np.testing.assert_array_equal(begins, 3 * np.arange(len(items)))
        assert (first, last) == (3 * len(items), 3 * len(items) + 3)
        place = items.index(xs[first + 1 : last, :6].tolist())
        np.testing.assert_array_equal(said, items[place + 1])
        np.testing.assert_array_equal(at, [last + 1, last + 2])
        assert not xs[last:, :7].any()
        asked_for.add((len(items), place))
    assert asked_for == {(n, place) for n in (2, 3, 4) for place in range(n - 1)}


def test_vectors_of_the_highest_priority_are_said_in_order():
    task = SortBits(length=6, answers=4, bits=5)
    found = examples(task)
    assert found.question.present is None
    np.testing.assert_array_equal(found.counts, [[False] * 7 + [True] * 4] * ROWS)
    for xs, targets in zip(found.question.xs, found.targets, strict=True):
        np.testing.assert_array_equal(np.flatnonzero(xs[:, 6]), [6])
        assert not xs[6:, :6].any()
        order = sorted(range(6), key=lambda at, xs=xs: -xs[at, 5])[:4]
        np.testing.assert_array_equal(targets[7:], xs[order, :5])
    priorities = found.question.xs[:, :6, 5]
    assert -1.0 <= priorities.min() < -0.98
    assert 0.98 < priorities.max() <= 1.0


def test_a_list_is_said_backwards_until_it_stops():
    task = Reverse(length=4, symbols=3)
    lengths = set()
    found = examples(task)
    for xs, present, said in zip(
        found.question.xs, found.question.present, found.targets, strict=True
    ):
        list_ = xs[present].tolist()
        assert present[: len(list_)].all()
        wanted = [*list_[::-1], 4]  # 3 would be the start
        np.testing.assert_array_equal(said[: len(wanted)], wanted)
        lengths.add(len(list_))
    assert lengths == {1, 2, 3, 4}
    assert examples(task, held_out=True).question.present.all()
    assert task.scoring.chance == 3**-4


TASKS = {
    "copy": (CopyBits(length=3, bits=4), 6.0),
    "repeat": (RepeatCopyBits(length=3, repeats=2, bits=4), 12.0),
    "recall": (AssociativeRecall(items=3, vectors=2, bits=4), 4.0),
    "sort": (SortBits(length=3, answers=2, bits=4), 4.0),
}


@pytest.mark.parametrize("name", TASKS)
def test_half_the_bits_of_a_held_out_sequence_are_chance(name: str):
    task, chance = TASKS[name]
    found = examples(task, held_out=True)
    counts = found.counts.sum(axis=1)
    assert counts.min() == counts.max()  # none is shorter than another
    bits = found.targets[..., :4]
    wrong = (bits & found.counts[..., None]).sum(axis=(1, 2))
    assert task.scoring.chance == chance
    assert abs(wrong.mean() - chance) < 4 * wrong.std() / np.sqrt(len(wrong))


def test_chance_is_that_of_the_papers_sizes():
    made = (CopyBits(), RepeatCopyBits(), AssociativeRecall(), SortBits())
    assert [one.scoring.chance for one in made] == [80.0, 400.0, 9.0, 64.0]


def test_a_largest_row_draws_what_its_key_draws():
    """Of a list of the whole length, so that sizes alone are not drawn."""
    task, key = CopyBits(length=4, bits=2), jax.random.key(3)
    largest, any_size = (task.example(row) for row in (Largest(key), key))
    shown = int(np.asarray(any_size.counts).sum())
    np.testing.assert_array_equal(
        largest.question.xs[:shown, :2], any_size.question.xs[:shown, :2]
    )
    assert int(np.asarray(largest.counts).sum()) == 4


def test_more_answers_than_vectors_are_refused():
    with pytest.raises(ValueError, match="16 answers of 8 vectors: give at most"):
        SortBits(length=8)


def test_a_list_may_be_said_in_its_order():
    found = examples(Reverse(length=4, symbols=3, turned=False))
    for xs, present, said in zip(
        found.question.xs, found.question.present, found.targets, strict=True
    ):
        wanted = [*xs[present].tolist(), 4]
        np.testing.assert_array_equal(said[: len(wanted)], wanted)
