"""Contenders that say that they are causal and are not: found before any training."""

import json
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from tests.rollouts import enter_rollout
from typer.testing import CliRunner

import nnarena
from nnarena.analysis.text import board_text
from nnarena.cli import app
from nnarena.core.problems import CannotPlay
from nnarena.core.scoring import mean_squared_error
from nnarena.core.types import Example, Features, Sequence, Signature, Values
from nnarena.models import MODELS, AbstractLayer
from nnarena.report.page import render_report
from nnarena.runs.evaluations import read_evaluations
from nnarena.runs.plans import read_refusals
from nnarena.suite import programs
from nnarena.suite.config import parse_suite
from nnarena.suite.session import Session, leaderboard, open_session
from nnarena.tasks import TASKS, AbstractTask
from nnarena.tasks.base import SyntheticSplits


LENGTH = 40


def layer(mix: Any) -> type:
    """Returns a layer that says that it is causal, whatever `mix` does."""

    class Layer(AbstractLayer):
        weight: jax.Array
        gate: jax.Array
        hidden_size: int = eqx.field(static=True)
        causal: bool = eqx.field(static=True)

        def __init__(self, features: int, hidden: int, *, key):
            self.weight = jax.random.normal(key, (features, hidden))
            self.gate = jnp.zeros(())
            self.hidden_size, self.causal = hidden, True

        def __call__(self, sequence, *, key=None):
            hs = jnp.tanh(sequence.xs @ self.weight)
            return mix(hs, sequence, self.gate)

    return Layer


def mean_of_all(hs, sequence, gate):
    return hs + jnp.mean(hs, axis=0, keepdims=True)


def last_step_alone(hs, sequence, gate):
    return hs + hs[-1:]


def by_blocks(hs, sequence, gate):
    """Looks ahead within blocks of 24: what is tried at 17 steps sees nothing."""
    if len(hs) < 24:
        return hs
    return hs.at[:24].add(hs[:24][::-1])


def by_powers(hs, sequence, gate):
    """Means of blocks of 1, 1, 2, 4, 8, ... steps, as models of many scales have."""
    ends = [1, *(2**power for power in range(1, len(hs).bit_length())), len(hs)]
    blocks = jnp.split(hs, sorted({end for end in ends if end < len(hs)}))
    means = [0 * block + jnp.mean(block, axis=0, keepdims=True) for block in blocks]
    return jnp.concatenate(means)


def from_zero(hs, sequence, gate):
    """A path that training opens."""
    return hs + gate * jnp.flip(hs, axis=0)


def in_time(hs, sequence, gate):
    """Tells how long the whole sequence takes."""
    return hs + jnp.sum(sequence.dts)


def dimmed(hs, sequence, gate):
    """A mask that takes 30 off a score, which a large input makes up for."""
    scores = sequence.xs[None, :, 0] - 30.0 * (1 - jnp.tri(len(hs)))
    return jax.nn.softmax(scores, axis=-1) @ hs


def convolved(hs, sequence, gate):
    """Causal, by Fourier transforms that round all numbers together."""
    kernel = jnp.exp(-0.1 * jnp.arange(float(len(hs))))
    size = 2 * len(hs)
    product = jnp.fft.rfft(hs, size, axis=0) * jnp.fft.rfft(kernel, size)[:, None]
    return jnp.fft.irfft(product, size, axis=0)[: len(hs)]


PEEKERS = (mean_of_all, last_step_alone, by_blocks, from_zero, in_time, dimmed)


@pytest.fixture(autouse=True)
def _entered(monkeypatch):
    enter_rollout(monkeypatch)
    MODELS.discover()
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))
    for mix in (*PEEKERS, by_powers, convolved):
        enter = MODELS.register(mix.__name__, family="test", source="a talk")
        enter(layer(mix))


def session_of(results: Any, *models: str, **task: Any) -> Session:
    content = {
        "name": "rollouts",
        "models": list(models),
        "tasks": [{"name": "rollout", "length": LENGTH, **task}],
        "seeds": 2,
        "width": 4,
        "trainer": {"steps": 4, "batch": 4, "checks": 1},
    }
    return open_session(parse_suite(content, "tests"), results)


def test_whoever_looks_ahead_is_refused_and_who_does_not_plays(tmp_path):
    names = [mix.__name__ for mix in PEEKERS]
    planned = session_of(tmp_path, *names, "convolved", "elman", "transformer")
    session = planned.ready()
    assert [refusal.model.name for refusal in session.refusals] == names
    played = {job.identity.model.name for job in session.jobs}
    assert played == {"convolved", "elman", "transformer"}
    for refusal in session.refusals:
        assert refusal.reason.startswith("it says that it is causal, but inputs from")
        assert refusal.reason.endswith("before it, and the task forbids that")


@pytest.mark.parametrize("length", [33, 65])
def test_blocks_that_end_at_halves_and_quarters_are_found(tmp_path, length):
    session = session_of(tmp_path, "by_powers", length=length).ready()
    assert [refusal.model.name for refusal in session.refusals] == ["by_powers"]
    assert session.jobs == []


class Backfilled(nnarena.AbstractModel):
    """Fills what was not read, which the data say by 0, with the next reading."""

    weight: jax.Array
    signature: Signature = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, signature: Signature, hidden: int, *, key):
        self.weight = jax.random.normal(key, (1, 1))
        self.signature, self.causal = signature, True

    def __call__(self, sequence, *, key=None):
        def step(last, now):
            last = jnp.where(now == 0, last, now)
            return last, last

        start = jnp.zeros(1)
        return jax.lax.scan(step, start, sequence.xs, reverse=True)[1] @ self.weight


class Gaps(AbstractTask):
    """The last reading, where every other one on average is missing, which is 0.

    reading    0.3  0    0   0.6  ->  0.3  0.3  0.3  0.6
    """

    signature = Signature(Features(1), Values(1), "every step", causal=True)
    scoring = mean_squared_error(chance=1.0, solved=0.1)

    def splits(self, data, *, key):
        del data  # nothing is read from files
        return SyntheticSplits(validation=100, test=200).draw(key=key)

    def example(self, row):
        first, second = jax.random.split(row)
        there = jax.random.bernoulli(first, 0.5, (12, 1))
        xs = jnp.where(there, jax.random.normal(second, (12, 1)), 0.0)
        return Example(Sequence(xs), xs)


def test_who_looks_ahead_only_where_data_are_as_in_the_task_is_refused(
    tmp_path, monkeypatch
):
    """Of random numbers none is 0: rows of the task itself are tried."""
    monkeypatch.setattr(TASKS, "_entries", dict(TASKS._entries))
    TASKS.register("gaps", family="test", source="a sensor")(Gaps)
    MODELS.register("backfilled", family="test", source="a sensor")(Backfilled)
    content = {
        "name": "gaps",
        "models": [{"name": "backfilled", "width": 4}, "elman", "transformer"],
        "tasks": ["gaps"],
        "seeds": 1,
        "width": 4,
        "trainer": {"steps": 4, "batch": 4, "checks": 1},
    }
    session = open_session(parse_suite(content, "tests"), tmp_path).ready()
    assert [refusal.model.name for refusal in session.refusals] == ["backfilled"]
    assert {job.identity.model.name for job in session.jobs} == {"elman", "transformer"}


def test_who_looked_ahead_in_training_is_not_asked_where_it_may_not(tmp_path):
    """By a trial too: what a contender declares is believed nowhere."""
    session = session_of(tmp_path, "mean_of_all", "elman", causal=False)
    assert not [event for event in session.run(workers=0) if event.kind == "failed"]
    nnarena.evaluate(tmp_path, on=["rollout(causal=true)"])
    names = {record.key: record.identity.model.name for record in session.store}
    answers = read_evaluations(session.store, set(names))
    found = {names[one.run]: one for one in answers}
    assert found["elman"].outcome == "finished"
    assert found["mean_of_all"].outcome == "cannot be asked"
    assert "and the task forbids that" in str(found["mean_of_all"].reason)


def test_the_same_peek_is_free_where_no_task_forbids_it(tmp_path, monkeypatch):
    """And nobody pays for a trial there."""
    monkeypatch.setattr(programs, "looks_ahead", None)
    session = session_of(tmp_path, "mean_of_all", "gru", causal=False)
    assert session.ready() == session


def test_a_cell_sees_one_step_and_need_not_be_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "looks_ahead", None)
    session = session_of(tmp_path, "gru", "dnc", "ncp")
    assert session.ready() == session


def test_what_is_done_is_not_tried_again(tmp_path, monkeypatch):
    session = session_of(tmp_path, "last_step").ready()
    list(session.run(workers=0))
    monkeypatch.setattr(programs, "looks_ahead", None)
    assert session.ready() == session


def test_a_refusal_is_kept_and_shown_as_any_other(tmp_path):
    session = session_of(tmp_path, "mean_of_all", "elman").ready()
    assert not [event for event in session.run(workers=0) if event.kind == "failed"]
    (refusal,) = read_refusals(session.store)
    assert f"{refusal.label}." in render_report(session.store, "tests")
    assert f"{refusal.label}." in board_text(leaderboard(session.results))


def test_python_and_the_command_line_are_told(tmp_path):
    asked = {"name": "rollout", "length": LENGTH}
    with pytest.raises(CannotPlay, match="by_blocks cannot play rollout: it says that"):
        nnarena.run(["by_blocks"], [asked], results=tmp_path / "python", seeds=1)
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'models = ["by_blocks"]\ntasks = [{ name = "rollout", length = 40 }]\n'
        "seeds = 1\nwidth = 4\n"
    )
    words = ["run", str(suite), "--results", str(tmp_path / "line"), "--workers", "0"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "by_blocks cannot play rollout: it says that it is causal" in done.output
    assert "nothing to do: the plan has no run" in done.output


def test_a_plan_says_what_it_has_not_tried(tmp_path):
    """A trial may take a minute: it comes with the run, and the plan says so."""
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'models = ["mean_of_all", "gru"]\nseeds = 1\nwidth = 4\ntasks = ['
        '{ name = "rollout", length = 40 }, { name = "rollout", causal = false }]\n'
        "[trainer]\nsteps = 4\nbatch = 4\nchecks = 1\n"
    )
    words = [str(suite), "-r", str(tmp_path / "out")]
    said = "not tried here, but by `arena run` before it trains: mean_of_all on rollout"
    planned = CliRunner().invoke(app, ["plan", *words])
    assert planned.exit_code == 0, planned.output
    assert said in planned.output
    plan = CliRunner().invoke(app, ["plan", *words, "--json"])
    cells = json.loads(plan.stdout)["cells"]
    tried = [(cell["model"], cell["tried"], cell["task"]) for cell in cells]
    assert [(model, cell) for model, cell, _ in tried] == [
        ("mean_of_all", True),
        ("mean_of_all", False),
        ("gru", False),
        ("gru", False),
    ]
    assert not CliRunner().invoke(app, ["run", *words, "-w", "0"]).exit_code
    assert said not in CliRunner().invoke(app, ["plan", *words, "-m", "gru"]).output
