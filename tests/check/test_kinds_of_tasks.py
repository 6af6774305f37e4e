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


def test_start_is_no_answer(enter):
    told = backwards()

    class Starts(type(told)):
        """3 1 2 -> start 1 3 stop; chance 1/64."""

        def example(self, row):
            example = told.example(row)
            return Example(example.question, example.targets.at[0].set(4))

    enter(TASKS, Starts)
    assert "no answer that is `start`, class 4" in broken("flawed")["targets"]
