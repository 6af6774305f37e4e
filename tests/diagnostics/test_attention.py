"""The names along the sides of a map: words, sentences, and what was said."""

import jax
import numpy as np
import pytest

from nnarena.core.types import Classes, Tokens
from nnarena.diagnostics.attention import NoMaps, attention_maps
from nnarena.models.contender import Contender
from nnarena.report.figures.attention import attention_spec
from nnarena.tasks.babi import BAbI, encode
from nnarena.tasks.babi_stories import Question
from nnarena.tasks.char_lm import CharLM
from nnarena.tasks.reverse import Reverse
from nnarena.tasks.translate import Translate


KEY = jax.random.key(0)
TOLD = ("mary went to the garden", "john went to the office", "mary is back")
ASKED = "where is mary"


def babi_rows():
    """Returns two questions as the task has them, of which one is padded."""
    task = BAbI(task=1)
    stories = [tuple(tuple(one.split()) for one in TOLD[:count]) for count in (3, 2)]
    words = tuple(ASKED.split())
    return task, encode(
        [Question(s, words, "garden", ()) for s in stories], task.words, None, 2
    )


def test_hops_are_over_the_sentences_of_the_story():
    task, rows = babi_rows()
    model = Contender("memory_network", {"hops": 2}).build(task.signature, 4, key=KEY)
    (short,) = attention_maps(model, task, rows, 1)
    assert short.places == TOLD[:2]
    (shown,) = attention_maps(model, task, rows, 0)
    assert (shown.name, shown.looking, shown.looked_at) == ("hops", "hops", "sentences")
    assert (shown.rows, shown.places) == (("1", "2"), TOLD)
    np.testing.assert_allclose(shown.weights.sum(axis=1), 1.0, atol=1e-6)
    spec = attention_spec([shown], "title", "note")
    (panel,) = spec["concat"]
    assert panel["encoding"]["y"]["title"] == "sentences"  # long names, to be read
    (values,) = spec["datasets"].values()
    assert len(values) == 6
    assert values[4]["weight"] == pytest.approx(shown.weights[1, 1], abs=1e-6)


def test_without_attention_one_sentence_says_so():
    task = Reverse(length=3)
    model = Contender("elman", {}).build(task.signature, 4, key=KEY)
    with pytest.raises(NoMaps, match="it has no attention to show"):
        attention_maps(model, task, jax.random.split(KEY, 2))
    with pytest.raises(IndexError, match="no example 2: there are 2, from 0 on"):
        attention_maps(model, task, jax.random.split(KEY, 2), 2)


@pytest.mark.parametrize("task", [BAbI(task=1), CharLM(), Translate()])
def test_every_token_and_class_has_a_name_of_its_own(task):
    inputs, outputs = task.signature.inputs, task.signature.outputs
    assert isinstance(inputs, Tokens)
    assert isinstance(outputs, Classes)
    for names, size in (
        (task.token_names, inputs.size),
        (task.class_names, outputs.size),
    ):
        assert len(set(names)) == len(names) == size
