"""Contexts are read before questions, as one sequence, by all that have a frame."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import answer
from tests.stories import PEOPLE, PLACES, Story

from nnarena.core.types import Classes, Features, Sequence, Signature, Tokens, Values
from nnarena.models.contender import Contender
from nnarena.tasks.files import DataFolder
from nnarena.training.base import fit
from nnarena.training.gradient_descent import GradientDescent


NAMES = ["gru", "transformer", "encoder_decoder_transformer"]
STORY, QUESTION = jnp.array([4, 0, 2, 2, 1, 3]), jnp.array([1, 3, 0])
TOKENS = Signature(Tokens(5), Classes(4), "every step", causal=False, context=Tokens(5))
KEY = jax.random.key(1)


def build(name: str, signature: Signature, **settings) -> Any:
    contender = Contender(name, settings).for_signature(signature)
    return contender.build(signature, 8, key=KEY)


def prefix(steps: int, length: int):
    return jnp.arange(length) < steps


@pytest.mark.parametrize("readout", ["last", "mean"])
def test_the_frame_reads_both_as_one(readout):
    signature = Signature(Tokens(5), Classes(4), context=Tokens(5))
    model = build("gru", signature, readout=readout)
    table, mark = model.embed.weight, model.context.embed.weight
    vectors = jnp.concatenate([table[STORY] + mark, table[QUESTION]])
    hs = model.layers[0](Sequence(vectors))
    read = hs[-1] if readout == "last" else hs.mean(axis=0)
    found = answer(model, Sequence(QUESTION), Sequence(STORY))
    np.testing.assert_allclose(found, model.head(read), atol=1e-6)
    padded = answer(
        model,
        Sequence(jnp.append(QUESTION, 4), present=prefix(3, 4)),
        Sequence(jnp.append(STORY, 4), present=prefix(6, 7)),
    )
    np.testing.assert_allclose(found, padded, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_steps_of_the_question_are_those_that_are_answered(name):
    model = build(name, TOKENS)
    answers = answer(model, Sequence(QUESTION), Sequence(STORY))
    assert answers.shape == (3, 4)
    for changed in (Sequence(STORY.at[0].set(1)), Sequence(STORY[:-1])):
        other = answer(model, Sequence(QUESTION), changed)
        assert float(jnp.abs(other - answers).max(axis=1).min()) > 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_a_causal_answer_uses_the_story_and_no_later_question(name):
    causal = Signature(
        Tokens(5), Classes(4), "every step", causal=True, context=Tokens(5)
    )
    model = build(name, causal)
    assert model.causal
    answers = answer(model, Sequence(QUESTION), Sequence(STORY))
    later = answer(model, Sequence(QUESTION.at[2].set(4)), Sequence(STORY))
    np.testing.assert_allclose(answers[:2], later[:2], atol=1e-6)
    assert float(jnp.abs(answers[2] - later[2]).max()) > 1e-5
    before = answer(model, Sequence(QUESTION), Sequence(STORY.at[-1].set(4)))
    assert float(jnp.abs(answers[0] - before[0]).max()) > 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_a_word_of_the_story_is_not_the_same_word_of_the_question(name):
    """What was read is the same, its split into story and question is not."""
    signature = Signature(Tokens(5), Classes(4), context=Tokens(5))
    model = build(name, signature)
    whole = jnp.concatenate([STORY, QUESTION])
    one = answer(model, Sequence(whole[6:]), Sequence(whole[:6]))
    other = answer(model, Sequence(whole[5:]), Sequence(whole[:5]))
    assert float(jnp.abs(one - other).max()) > 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_a_story_of_another_type(name):
    signature = Signature(Features(2), Values(3), context=Tokens(5))
    model = build(name, signature)
    question = Sequence(jnp.ones((4, 2)), jnp.full(4, 0.5))
    found = answer(model, question, Sequence(STORY))
    assert found.shape == (3,)
    padded = answer(
        model, question, Sequence(jnp.append(STORY, 1), present=prefix(6, 7))
    )
    np.testing.assert_allclose(found, padded, atol=1e-5)
    assert not np.allclose(
        found, answer(model, question, Sequence(STORY[::-1])), atol=1e-5
    )


def test_a_trace_leads_through_the_story():
    model = build("gru", TOKENS)
    trace = model.trace(Sequence(QUESTION), Sequence(STORY))
    assert trace.inputs.shape == trace.hs[0].shape == (9, 8)
    np.testing.assert_allclose(
        trace.answers, answer(model, Sequence(QUESTION), Sequence(STORY)), atol=1e-6
    )


def test_a_story_holds_the_answer():
    rows = jax.random.split(KEY, 50)
    examples = jax.vmap(Story().example)(rows)
    story = examples.context
    assert story is not None
    assert story.present is not None
    for row in range(50):
        asked = int(examples.question.xs[row, 0])
        facts = np.asarray(story.xs[row])[np.asarray(story.present[row])]
        known = {int(fact[0]): int(fact[1]) for fact in facts.reshape(-1, 2)}
        assert known[asked] - PEOPLE == int(examples.targets[row])


def learned(task, steps: int) -> float:
    """Returns the test accuracy of a trained gru."""
    fitted = fit(
        GradientDescent(steps=steps, checks=8, learning_rate=1e-2),
        lambda key: Contender("gru").build(task.signature, 32, key=key),
        task,
        task.splits(DataFolder(), key=jax.random.key(5)),
        init_key=jax.random.key(0),
        data_key=jax.random.key(1),
    )
    return float(fitted.test_score)


@pytest.mark.slow
def test_a_gru_learns_who_is_where():
    # A blind answer has 0.25, one that says some place of the story 0.40 to 0.55.
    assert PLACES == 4
    assert learned(Story(), 2_000) > 0.9
