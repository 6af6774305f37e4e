"""Tasks with a context, and those whose answers are generated, meet all laws."""

import equinox as eqx
import jax.numpy as jnp
import pytest
from tests.stories import PEOPLE, PLACES, Story
from tests.training.test_generated import backwards

from nnarena.check import TASK_LAWS, TaskCase, judge
from nnarena.core.faults import EntrantProblem
from nnarena.core.types import (
    Classes,
    Example,
    Features,
    Sentences,
    Sequence,
    Signature,
    Tokens,
)
from nnarena.tasks import TASKS
from nnarena.tasks.files import DataFolder
from nnarena.tasks.inspection import sound_splits


WORDS = Tokens(PEOPLE + PLACES)


def broken(name: str) -> dict[str, str]:
    """Returns the laws that a task breaks, and the sentences that say how."""
    case = TaskCase(name)
    verdicts = [judge(law, case) for law in TASK_LAWS]
    return {v.law: v.detail for v in verdicts if v.passed is False}


def test_a_story_meets_all_laws(enter):
    enter(TASKS, Story)
    assert broken("flawed") == {}


def test_what_is_generated_meets_all_laws():
    backwards()
    assert broken("backwards") == {}


def test_nothing_is_later_than_a_question_that_is_read_whole():
    backwards()
    law = next(law for law in TASK_LAWS if law.name == "causal")
    verdict = judge(law, TaskCase("backwards"))
    assert verdict.passed is None
    assert "it answers after the last step" in verdict.detail


class Untold(Story):
    """Anna? -> garden, and the story is kept back; chance 1/4."""

    def example(self, row):
        return eqx.tree_at(lambda e: e.context, Story.example(self, row), None)


class Unasked(Story):
    """Anna? -> garden, and nobody had asked for a story; chance 1/4."""

    @property
    def signature(self):
        return Signature(WORDS, Classes(PLACES))


class Numbers(Story):
    """Anna 1, Ben 2, Anna? -> 1, where words were asked for; chance 1/4."""

    @property
    def signature(self):
        return Signature(WORDS, Classes(PLACES), context=Features(2))


class Holes(Story):
    """Anna, nothing, garden, Anna? -> garden; chance 1/4."""

    def example(self, row):
        told = Story.example(self, row)
        assert told.context is not None
        holes = jnp.array([True, False] * 3)
        return Example(
            told.question, told.targets, context=Sequence(told.context.xs, None, holes)
        )


@pytest.mark.parametrize(
    ("make", "traced", "sentence"),
    [
        (Untold, "gave None as `context`", "expected a context in every example"),
        (Unasked, "by the signature there is none", "expected no context in every"),
        (Numbers, "as `context.xs`", "expected inputs of the context of shape (6, 2)"),
        (Holes, None, "expected `present` to be true for the first steps"),
    ],
)
def test_a_context_is_what_the_signature_says(enter, make, traced, sentence):
    enter(TASKS, make)
    assert sentence in broken("flawed")["inputs"]
    if traced is not None:
        with pytest.raises(EntrantProblem, match=traced):
            sound_splits(make(), "flawed", DataFolder())


SENTENCES = Tokens(PEOPLE + PLACES, Sentences(end=0, longest=1, most=3))


class Supported(Story):
    """Anna? of three sentences of a word, and which of them the answer rests on."""

    support = (2, -1)

    @property
    def signature(self):
        return Signature(WORDS, Classes(PLACES), context=SENTENCES, facts=2)

    def example(self, row):
        asked = Story.example(self, row)
        told = jnp.array([1, 0, 2, 0, 3, 0])
        return Example(
            *(asked.question, asked.targets),
            context=Sequence(told),
            support=None if self.support is None else jnp.array(self.support),
        )


class Beyond(Supported):
    """A fourth sentence is named, and there are three."""

    support = (0, 3)


class Below(Supported):
    """-2 is neither a sentence nor none."""

    support = (-2, 0)


class Single(Supported):
    """One sentence is named where the signature says two."""

    support = (0,)


class Silent(Supported):
    """No sentence is named where the signature says two."""

    support = None


def test_named_sentences_meet_the_law_of_inputs(enter):
    enter(TASKS, Supported)
    assert "inputs" not in broken("flawed")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (Beyond, "expected `support` to count sentences of the context back"),
        (Below, "expected `support` to count sentences of the context back"),
        (
            Single,
            "expected `support` of shape (2,), as the signature says, but got (1,)",
        ),
        (
            Silent,
            "expected `support` of shape (2,), as the signature says, but got None",
        ),
    ],
)
def test_what_is_named_are_sentences_of_the_story(enter, make, sentence):
    enter(TASKS, make)
    found = judge(
        next(one for one in TASK_LAWS if one.name == "inputs"), TaskCase("flawed")
    )
    assert found.passed is False
    assert sentence in found.detail


def test_start_is_no_answer(enter):
    told = backwards()

    class Starts(type(told)):
        """3 1 2 -> start 1 3 stop; chance 1/64."""

        def example(self, row):
            example = told.example(row)
            return Example(example.question, example.targets.at[0].set(4))

    enter(TASKS, Starts)
    assert "no answer that is `start`, class 4" in broken("flawed")["targets"]
