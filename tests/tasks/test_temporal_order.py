"""Temporal order: where the symbols stand, what they add up to, both authors' forms."""

from typing import Any

import jax
import numpy as np
import pytest

from nnarena.tasks.temporal_order import TemporalOrder


def examples(count: int = 400, **settings: Any) -> Any:
    rows = jax.random.split(jax.random.key(0), count)
    make = jax.jit(jax.vmap(TemporalOrder(**settings).example))
    return jax.tree.map(np.asarray, make(rows))


def places_of(found: Any, events: int) -> np.ndarray:
    """Returns where the events of every row stand, which has to have so many."""
    tokens, present = found.question.xs, found.question.present
    if present is not None:  # what lies beyond the end is zeros, as an A is
        tokens = np.where(present, tokens, 9)
    rows, places = np.nonzero(tokens < 2)
    np.testing.assert_array_equal(rows, np.repeat(np.arange(len(tokens)), events))
    return places.reshape(-1, events)


def ranges(places: np.ndarray) -> list[tuple[int, int]]:
    return list(
        zip(places.min(axis=0).tolist(), places.max(axis=0).tolist(), strict=True)
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # int(L / 10) + randint(int(L / 10)), and so on: tempOrder.py, tempOrder3bit.py
        ({"length": 40}, [(4, 7), (20, 23)]),
        ({"length": 49, "events": 3}, [(4, 7), (14, 17), (29, 32)]),
        ({"form": "hochreiter"}, [(10, 20), (50, 60)]),
        ({"form": "hochreiter", "events": 3}, [(10, 20), (33, 43), (66, 76)]),
    ],
)
def test_events_stand_where_the_papers_have_them(settings, expected):
    found = examples(**settings)
    events = len(expected)
    places = places_of(found, events)
    assert ranges(places) == expected
    shown = np.take_along_axis(found.question.xs, places, axis=1)
    np.testing.assert_array_equal(found.targets, shown @ 2 ** np.arange(events))
    assert set(found.targets.tolist()) == set(range(2**events))


def test_fillers_are_four_and_even():
    tokens = examples(length=40).question.xs
    counts = np.bincount(tokens.ravel(), minlength=6)
    assert len(counts) == 6
    fillers = counts[2:] / (400 * 38)
    assert np.abs(fillers - 1 / 4).max() < 4 * np.sqrt(3 / 16 / (400 * 38))
    assert counts[:2].sum() == 2 * 400


def test_a_drawn_length_moves_the_events_with_it():
    found = examples(length=60, shortest=30)
    present = found.question.present
    lengths = present.sum(axis=1)
    assert (lengths.min(), lengths.max()) == (30, 60)
    first, second = places_of(found, 2).T
    assert np.all((first >= lengths // 10) & (first < lengths // 10 * 2))
    assert np.all(second >= lengths // 2)
    assert np.all(second < lengths // 2 + lengths // 10)


def test_hochreiters_sequences_open_and_close_with_tokens_of_their_own():
    found = examples(form="hochreiter")
    present, xs = found.question.present, found.question.xs
    lengths = present.sum(axis=1)
    assert (lengths.min(), lengths.max()) == (100, 110)
    assert (xs[:, 0] == 6).all()
    assert (xs[np.arange(400), lengths - 1] == 7).all()
    assert (np.where(present, xs, 0) > 5).sum() == 2 * 400


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"length": 9}, "length must be a whole number of at least 10, not 9"),
        ({"events": 4}, "events must be a whole number of at least 2 and of at most 3"),
        ({"shortest": 101}, "not 101 at length 100 in the form pascanu"),
        (
            {"form": "hochreiter", "shortest": 50},
            "not 50 at length 100 in the form hochreiter",
        ),
    ],
)
def test_what_cannot_be_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        TemporalOrder(**settings)
