"""Somebody's metric and penalty are tried before a run, and told with their line."""

import pytest

import nnarena
from nnarena.core.faults import EntrantProblem


HEAD = """
import jax.numpy as jnp

import nnarena

@nnarena.METRICS.register("{name}_gap", family="error", source="here")
class Gap(nnarena.AbstractMean):
    judges = (nnarena.Values,)
    outputs: nnarena.Values

    def of_answers(self, answers, targets):
        {body}

@nnarena.TASKS.register("{name}", family="here", source="here")
class Held(nnarena.AbstractTask):
    signature = nnarena.Signature(nnarena.Features(2), nnarena.Values(2))
    scoring = nnarena.Scoring(
        metric="{name}_gap", higher_is_better=False, chance=1.0, best=0.0, solved=0.1
    )

    def splits(self, data, *, key):
        return nnarena.SyntheticSplits(validation=4, test=4).draw(key=key)

    def example(self, row):
        xs = jnp.ones((3, 2))
        return nnarena.Example(nnarena.Sequence(xs), xs[0])

@nnarena.PENALTIES.register("{name}_quiet", family="penalty", source="here")
class Quiet(nnarena.AbstractPenalty):
    def __call__(self, model, example, *, key):
        {penalty}
"""

SOUND = "return jnp.abs(answers - targets).sum(-1)"
NUMBER = "return jnp.zeros(())"


def run(tmp_path, name, body=SOUND, penalty=NUMBER, **settings):
    text = HEAD.format(name=name, body=body, penalty=penalty)
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    return nnarena.run(
        ["elman"],
        [f"{path}:{name}"],
        seeds=1,
        width=2,
        results=tmp_path / "out",
        steps=1,
        batch=2,
        checks=1,
        **settings,
    )


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        (
            "pairs",
            "return answers - targets",
            r"pairs\.py, line 1\d: Gap\.of_answers returned \(2,\) in float32 for "
            r"answers of shape \(2,\), but expected is the score of each answer",
        ),
        (
            "breaks",
            "raise KeyError('gap')",
            r"breaks\.py, line 1\d: Gap\.of_answers, given answers of shape \(2,\), "
            "raised KeyError",
        ),
        ("whole", "return jnp.zeros((), int)", r"returned \(\) in int32"),
    ],
)
def test_a_metric_is_tried(tmp_path, name, body, says):
    with pytest.raises(EntrantProblem, match=says):
        run(tmp_path, name, body)
    assert not list((tmp_path / "out").glob("records/*"))


@pytest.mark.parametrize(
    ("name", "penalty", "says"),
    [
        (
            "vector",
            "return jnp.zeros(4)",
            r"Quiet\.__call__ returned \(4,\) in float32",
        ),
        (
            "cracks",
            "raise ValueError('no')",
            r"cracks\.py, line \d+: Quiet.*raised Val",
        ),
        ("nothing", "return None", "but expected is one number"),
    ],
)
def test_a_penalty_is_tried(tmp_path, name, penalty, says):
    trainer = {"name": "gradient_descent", "penalties": {f"{name}_quiet": 0.1}}
    with pytest.raises(EntrantProblem, match=says):
        run(tmp_path, name, penalty=penalty, trainer=trainer)


def test_sound_ones_run(tmp_path):
    trainer = {"name": "gradient_descent", "penalties": {"sound_quiet": 0.1}}
    board = run(tmp_path, "sound", trainer=trainer)
    assert len(board.standings) == 1
