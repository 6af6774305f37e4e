"""Somebody's own loss, and the sentences it learns from, are tried before a run."""

import pytest

import nnarena
from nnarena.core.faults import EntrantProblem


FILE = """
import jax
import jax.numpy as jnp

import nnarena

WORDS = nnarena.Tokens(4, nnarena.Sentences(end=0, longest=1, most=3))

@nnarena.TASKS.register("{name}", family="here", source="here")
class Told(nnarena.AbstractTask):
    signature = nnarena.Signature(WORDS, nnarena.Classes(4), context=WORDS, facts=2)
    scoring = nnarena.accuracy(chance=0.25)

    def splits(self, data, *, key):
        return nnarena.SyntheticSplits(validation=4, test=4).draw(key=key)

    def example(self, row):
        story = jax.random.randint(row, (3,), 1, 4)
        told = jnp.stack([story, jnp.zeros_like(story)], axis=1).reshape(-1)
        return nnarena.Example(
            nnarena.Sequence(jnp.array([1, 0])),
            story[-1],
            context=nnarena.Sequence(told),
            support={support},
        )

@nnarena.MODELS.register("{name}_taught", family="here", source="here")
class Taught(nnarena.AbstractSupervised):
    weight: jax.Array
    causal: bool

    def __init__(self, signature, hidden, *, key):
        self.weight, self.causal = jax.random.normal(key, (4, 4)), True

    def __call__(self, sequence, context=None, *, key=None):
        return jnp.sum(self.weight[context.xs], axis=0)

    def own_loss(self, example, *, key=None):
        {loss}
"""

SOUND = "return -self(*example.asked)[example.support[0]]"
NAMED = "jnp.array([2, -1])"


def run(tmp_path, name, *, support=NAMED, loss=SOUND, contender=None):
    path = tmp_path / f"{name}.py"
    path.write_text(FILE.format(name=name, support=support, loss=loss))
    return nnarena.run(
        [contender or f"{path}:{name}_taught"],
        [f"{path}:{name}"],
        seeds=1,
        width=2,
        results=tmp_path / "out",
        steps=1,
        batch=2,
        checks=1,
    )


@pytest.mark.parametrize(
    ("name", "loss", "says"),
    [
        (
            "loss_of_two",
            "return jnp.zeros(2)",
            r"Taught\.own_loss returned \(2,\) in float32, but expected is one number",
        ),
        ("loss_none", "return None", r"loss_none\.py, line \d+: Taught\.own_loss"),
        ("loss_int", "return jnp.zeros((), int)", r"returned \(\) in int32"),
        (
            "loss_cracks",
            "return jnp.zeros(3)[example.targets, example.support]",
            r"loss_cracks\.py, line 39: Taught\.own_loss, given an example, raised",
        ),
    ],
)
def test_an_own_loss_is_tried(tmp_path, name, loss, says):
    with pytest.raises(EntrantProblem, match=says):
        run(tmp_path, name, loss=loss)
    assert not list((tmp_path / "out").glob("records/*"))


@pytest.mark.parametrize(
    ("name", "support", "says"),
    [
        (
            "support_of_three",
            "jnp.array([0, 1, 2])",
            r"gave \(3,\) in int32 as `support`, but .* of shape \(2,\) in int32",
        ),
        ("support_none", "None", "gave None as `support`"),
        (
            "support_after",
            "jnp.array([3, 0])",
            "gave a `support` that names sentences which its story does not have in 4 "
            "of 4 examples of its validation split, the first at row 0",
        ),
        ("support_below", "jnp.array([0, -2])", "sentences which its story does not"),
    ],
)
def test_sentences_that_an_answer_rests_on_are_tried(tmp_path, name, support, says):
    with pytest.raises(EntrantProblem, match=says):
        run(tmp_path, name, support=support, contender="supervised_memory_network")
    assert not list((tmp_path / "out").glob("records/*"))


def test_an_own_loss_that_is_no_number_ends_the_run_as_diverged(tmp_path):
    board = run(tmp_path, "loss_nan", loss="return jnp.nan * jnp.sum(self.weight)")
    (standing,) = board.standings
    assert standing.diverged == 1


def test_a_sound_one_runs(tmp_path):
    assert len(run(tmp_path, "loss_sound").standings) == 1
