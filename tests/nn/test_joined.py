"""A context and its question as one sequence, padding last."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.types import Classes, Features, Sequence, Signature, Tokens
from nnarena.models.ends import embedding
from nnarena.nn.joined import before, joined, make_context


FIRST, SECOND = jnp.arange(8.0).reshape(4, 2), -jnp.arange(1.0, 7.0).reshape(3, 2)
KEY = jax.random.key(0)


def make(inputs, *, key):
    return embedding(inputs, width=6, key=key)


def prefix(steps: int, length: int):
    return jnp.arange(length) < steps


@pytest.mark.parametrize(("ours", "theirs"), [(4, 3), (2, 3), (4, 1), (1, 2)])
def test_the_second_begins_where_the_first_ends(ours, theirs):
    first = Sequence(FIRST, jnp.arange(1.0, 5.0), prefix(ours, 4))
    second = Sequence(SECOND, jnp.arange(5.0, 8.0), prefix(theirs, 3))
    found, places = joined(first, second)
    whole = ours + theirs
    np.testing.assert_array_equal(found.present, np.arange(7) < whole)
    np.testing.assert_array_equal(
        found.xs[:whole], np.concatenate([FIRST[:ours], SECOND[:theirs]])
    )
    np.testing.assert_array_equal(
        found.dts[:whole], [*np.arange(1, 1 + ours), *np.arange(5, 5 + theirs)]
    )
    assert int(found.last) == whole - 1
    np.testing.assert_array_equal(places[:theirs], ours + np.arange(theirs))


def test_without_padding_there_is_none():
    found, places = joined(Sequence(FIRST), Sequence(SECOND))
    assert found.present is None
    np.testing.assert_array_equal(found.xs, np.concatenate([FIRST, SECOND]))
    np.testing.assert_array_equal(places, [4, 5, 6])


def test_one_padded_and_the_other_not():
    found, _ = joined(Sequence(FIRST, present=prefix(2, 4)), Sequence(SECOND))
    np.testing.assert_array_equal(found.present, np.arange(7) < 5)
    np.testing.assert_array_equal(found.xs[:5], np.concatenate([FIRST[:2], SECOND]))


def test_one_vocabulary_has_one_table_and_a_mark():
    signature = Signature(Tokens(5), Classes(2), context=Tokens(5))
    words = make(Tokens(5), key=KEY)
    reader = make_context(signature, make, key=KEY)
    assert reader is not None
    mark = reader.embed.weight
    assert mark.shape == (1, 6)
    assert float(jnp.abs(mark).min()) > 0.0
    tokens = jnp.array([3, 0, 3])
    vectors = words.weight[jnp.array([1, 2])]
    found, places = before(reader, Sequence(tokens), Sequence(vectors), words)
    np.testing.assert_array_equal(found.xs[:3], words.weight[tokens] + mark)
    np.testing.assert_array_equal(found.xs[3:], vectors)
    np.testing.assert_array_equal(places, [3, 4])


@pytest.mark.parametrize("context", [Tokens(7), Features(3), Features(5)])
def test_another_type_has_an_embedding_of_its_own(context):
    signature = Signature(Features(5), Classes(2), context=context)
    reader = make_context(signature, make, key=KEY)
    assert reader is not None
    assert not reader.shared
    kind = eqx.nn.Embedding if isinstance(context, Tokens) else eqx.nn.Linear
    assert isinstance(reader.embed, kind)
    assert not np.array_equal(reader.embed.weight, make(context, key=KEY).weight)


def test_a_task_without_a_context_has_nothing_of_it():
    assert make_context(Signature(Tokens(5), Classes(2)), make, key=KEY) is None
    question = Sequence(SECOND)
    assert before(None, None, question, None) == (question, None)
