"""Sentences as bags of words, and the gaps between their times."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.types import Sentences
from nnarena.nn.sentences import bags, cut
from nnarena.nn.slots import gapped_ages


CUTTING = Sentences(end=0, longest=3, most=5)
STREAM = jnp.array([1, 2, 0, 0, 2, 0, 3, 1, 1, 0, 4])


def test_words_have_places_and_sentences_ages():
    where = cut(STREAM, jnp.arange(11) < 10, CUTTING)
    assert where.ages.tolist() == [2, 2, -1, -1, 1, -1, 0, 0, 0, -1, -1]
    assert where.places.tolist() == [1, 2, 0, 0, 1, 0, 1, 2, 3, 0, 0]
    assert int(where.total) == 3


@pytest.mark.parametrize("slots", [2, 4])
def test_a_bag_counts_the_words_of_its_sentence(slots):
    where = cut(STREAM, jnp.arange(11) < 10, CUTTING)
    found = bags(STREAM, where, size=5, slots=slots, sentences=CUTTING, code="none")
    counts = [[0, 2, 0, 1, 0], [0, 0, 1, 0, 0], [0, 1, 1, 0, 0], [0] * 5]
    assert found.tolist() == counts[:slots]


def by_sorting(rng: np.random.Generator, count: int, share: float) -> list[int]:
    """Returns ages as one would draw them: a choice of so many places, in order."""
    gaps = rng.integers(int(np.ceil(share * count)) + 1)
    return sorted(rng.permutation(count + gaps)[:count].tolist())


@pytest.mark.parametrize("count", [1, 3, 7])
def test_gaps_are_drawn_uniformly(count):
    share, slots, draws = 0.4, 7, 4_000
    keys = jax.random.split(jax.random.key(0), draws)
    ages = np.asarray(
        jax.vmap(
            lambda key: gapped_ages(jnp.array(count), slots=slots, share=share, key=key)
        )(keys)
    )[:, :count]
    assert (np.diff(ages, axis=1) > 0).all()
    rng = np.random.default_rng(1)
    others = np.array([by_sorting(rng, count, share) for _ in range(draws)])
    for ours, theirs in zip(ages.T, others.T, strict=True):
        error = np.sqrt((ours.var() + theirs.var()) / draws)
        assert abs(ours.mean() - theirs.mean()) < 4 * error
        assert ours.max() == theirs.max()
        assert ours.min() == theirs.min()


def test_without_a_share_there_is_no_gap():
    ages = gapped_ages(jnp.array(3), slots=5, share=0.0, key=jax.random.key(0))
    assert ages.tolist() == [0, 1, 2, 3, 4]
