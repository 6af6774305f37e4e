"""The loops over generated answers, by decoders whose answers are known by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.types import Classes, Generated, Signature, Tokens
from nnarena.nn.decoding import SURE, ended, forced, free, one_by_one


A, B, C, START, STOP = range(5)
ANSWERS = Generated(longest=6, start=START, stop=STOP)
FOLLOWS = {START: B, B: A, A: C, C: STOP, STOP: B}
"""What a decoder by this table says: B A C stop; it would go on with B."""


class Table:
    """A decoder whose state counts its steps; its logits depend on the last class."""

    def __init__(self, follows: dict[int, int]):
        self.logits = jnp.eye(5)[jnp.array([follows[c] for c in range(5)])]

    def step(self, memory, state, token):
        return state + 1, memory * self.logits[token] + state.astype(float)

    def steps(self, memory, state, tokens):
        return one_by_one(self, memory, state, tokens)


DECODER, MEMORY, STATE = Table(FOLLOWS), jnp.array(3.0), jnp.array(0)


def test_free_decoding_follows_the_table_until_it_stops():
    logits = free(DECODER, ANSWERS, MEMORY, STATE)
    assert list(np.argmax(logits, axis=1)) == [B, A, C, STOP, START, START]
    for place, said in enumerate([B, A, C, STOP]):  # 3 for what follows, plus the state
        wanted = np.full(5, float(place))
        wanted[said] += 3.0
        np.testing.assert_array_equal(logits[place], wanted)
    np.testing.assert_array_equal(logits[4:], SURE * np.eye(5)[[START, START]])


def test_a_decoder_that_never_stops_says_as_much_as_there_is_room_for():
    round_and_round = Table({**FOLLOWS, C: B})
    logits = free(round_and_round, ANSWERS, MEMORY, STATE)
    assert list(np.argmax(logits, axis=1)) == [B, A, C, B, A, C]


def test_of_equal_logits_the_first_class_is_said():
    even = Table(FOLLOWS)
    even.logits = jnp.zeros((5, 5))
    assert list(np.argmax(free(even, ANSWERS, MEMORY, STATE), axis=1)) == [A] * 6


def test_forced_decoding_is_fed_start_and_then_the_right_classes():
    targets = jnp.array([C, C, A, STOP, A, A], jnp.int32)
    logits = forced(DECODER, ANSWERS, targets, MEMORY, STATE)
    # After start B, after C stop, after A C, after stop B: whatever was said itself.
    assert list(np.argmax(logits, axis=1)) == [B, STOP, STOP, C, B, C]
    assert float(logits[5].min()) == 5.0  # the state has gone on, not begun anew


def test_what_follows_the_stop_of_a_target_changes_nothing_before():
    one = jnp.array([C, A, STOP, A, B, C], jnp.int32)
    other = one.at[3:].set(START)
    ours, theirs = (forced(DECODER, ANSWERS, t, MEMORY, STATE) for t in (one, other))
    np.testing.assert_array_equal(ours[:4], theirs[:4])
    assert not np.array_equal(ours, theirs)


def test_fed_with_its_own_answers_forced_equals_free():
    own = free(DECODER, ANSWERS, MEMORY, STATE)
    said = jnp.argmax(own, axis=1).astype(jnp.int32)
    again = forced(DECODER, ANSWERS, said, MEMORY, STATE)
    np.testing.assert_array_equal(own[:4], again[:4])


def test_both_are_compiled_and_mapped():
    memories = jnp.array([3.0, 7.0, 11.0])
    targets = jnp.array([C, A, STOP, A, B, C], jnp.int32)

    def both(memory):
        return (
            free(DECODER, ANSWERS, memory, STATE),
            forced(DECODER, ANSWERS, targets, memory, STATE),
        )

    together = jax.jit(jax.vmap(both))(memories)
    alone = jax.tree.map(lambda *parts: jnp.stack(parts), *map(both, memories))
    jax.tree.map(np.testing.assert_array_equal, together, alone)


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ([A, B, STOP, A, STOP], 3),
        ([STOP, A, B, C, A], 1),
        ([A, B, C, A, STOP], 5),
        ([A, B, C, A, B], 5),
    ],
)
def test_an_answer_reaches_up_to_its_first_stop(said, parts):
    counts = ANSWERS.until_stop(jnp.array(said))
    assert list(counts) == [place < parts for place in range(5)]
    logits = ended(jnp.eye(5)[jnp.array(said)], ANSWERS)
    assert list(np.argmax(logits, axis=1)) == said[:parts] + [START] * (5 - parts)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Generated(0, 1, 2), "longest is 0, but an answer has one class"),
        (lambda: Generated(3, 1, 1), "start and stop are both class 1"),
        (
            lambda: Signature(Tokens(3), Classes(3), Generated(3, 1, 3)),
            "stop is 3, but has to be one of the classes, 0 to 2",
        ),
    ],
)
def test_what_cannot_be_generated_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()
