"""`arena bench`: a training step of contenders, a model of one's own among them."""

import json

import pytest
from typer.testing import CliRunner

from nnarena.cli import app
from nnarena.suite.profile import KINDS


run = CliRunner().invoke

MODEL = """
import equinox as eqx
import jax.numpy as jnp

from nnarena.models import MODELS
from nnarena.models.base import AbstractCell


@MODELS.register("bench_sum", family="mine", source="")
class Sum(AbstractCell):
    "Adds up."

    gain: object
    hidden_size: int = eqx.field(static=True)

    def __init__(self, features, hidden, *, key):
        self.gain, self.hidden_size = jnp.ones((features, hidden)), hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        state = state + x @ self.gain
        return state, state
"""


def test_a_model_of_ones_own_is_timed_beside_others(tmp_path):
    (tmp_path / "mine.py").write_text(MODEL)
    words = [str(tmp_path / "mine.py"), "elman(depth=2)", "--size", "6,2,4"]
    words += ["--rounds", "2", "--trace", str(tmp_path), "--profile", "--json"]
    done = run(app, ["bench", *words])
    assert done.exit_code == 0, done.output
    lines = json.loads(done.stdout)
    assert [line["contender"] for line in lines] == ["bench_sum", "elman"]
    for line in lines:
        low, middle, high = line["step_seconds"]
        assert 0 < low <= middle <= high
        assert line["size"] == [6, 2, 4]
        assert line["share"] > 0
        assert line["trace"].endswith("perfetto_trace.json.gz")
        assert list(line["profile"]) == list(KINDS)
        assert sum(line["profile"].values()) == pytest.approx(1.0)
        assert min(line["profile"].values()) >= 0  # what is this small has no products
        assert line["profile"]["elementwise"] > 0


@pytest.mark.parametrize("size", ["5,6", "a,b,c", "0,1,1", "1,2,3,4"])
def test_a_wrong_size_is_refused(size):
    done = run(app, ["bench", "gru", "--size", size])
    assert done.exit_code == 2
    assert "--size" in done.output


def test_a_wrong_name_or_setting_is_refused_before_anything_is_timed():
    assert run(app, ["bench", "nope"]).exit_code == 2
    done = run(app, ["bench", "gru(x=1)"])
    assert done.exit_code == 2
    assert "no setting 'x'" in done.output


def test_what_cannot_run_is_named_and_the_others_are_timed():
    words = ["exp_unitary(capacity=2)", "elman", "--size", "4,2,3", "--rounds", "1"]
    words.append("--profile")
    done = run(app, ["bench", *words])
    assert done.exit_code == 1
    assert "map 'exponential' has no capacity, but 2" in done.output
    assert "elman" in done.stdout
    assert "products %" in done.stdout
