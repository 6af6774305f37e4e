"""Trainers of a suite: whose a contender is, who is refused, what is told of it."""

import json
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
from tests.suite.bits import bits_of

from nnarena.analysis.frame import runs_frame
from nnarena.core.plugins import import_file
from nnarena.core.registry import UnknownName
from nnarena.core.seeds import key_for
from nnarena.models import MODELS, AbstractLayer
from nnarena.report.page import render_report
from nnarena.runs.plans import read_plans
from nnarena.runs.store import open_store
from nnarena.suite import runner
from nnarena.suite.config import Suite, SuiteProblem, load_suite, parse_suite
from nnarena.suite.entrants import STACKS
from nnarena.suite.plan import assemble, make_jobs, plan_suite
from nnarena.suite.restore import restore_record
from nnarena.suite.session import leaderboard, open_session
from nnarena.training.base import arrays_by_path
from nnarena.training.ridge import Ridge


RESERVOIR = Path(__file__).parent.parent / "reservoir.py"

SMALL = {"steps": 12, "batch": 8, "checks": 3}


@pytest.fixture(scope="module", autouse=True)
def _plugged():
    import_file(RESERVOIR)


def suite_of(*models, **trainer) -> Suite:
    return parse_suite(
        {
            "name": "recipes",
            "models": list(models),
            "tasks": [{"name": "add", "length": 6}],
            "seeds": 1,
            "width": 6,
            "trainer": {**SMALL, **trainer},
        },
        "here",
    )


def recipes(suite: Suite) -> list:
    return [job.identity.trainer for job in make_jobs(suite)]


WEAKER = {"strengths": list(Ridge().strengths)}
"""Ridge's default is not what it was at first, so that a key names it."""


def test_a_suite_names_no_trainer_one_or_one_per_contender():
    models = ["elman", {"name": "elman", "trainer": "ridge"}]
    usual, ridge = recipes(suite_of(*models))
    assert (usual.name, usual.settings) == ("gradient_descent", SMALL)
    assert (ridge.name, ridge.settings) == ("ridge", {**SMALL, **WEAKER})
    suite = suite_of(*models, name="ridge", strengths=[0.1])
    (both,) = recipes(suite)  # the same run twice is one
    assert both.settings == {**SMALL, "strengths": [0.1]}


def test_what_a_contender_says_of_its_trainer_goes_before_the_suite():
    first, other, given = recipes(
        suite_of(
            "elman",
            {"name": "elman", "trainer": {"learning_rate": 0.1}},
            {"name": "elman", "trainer": {"name": "ridge", "steps": 5}},
            learning_rate=0.2,
        )
    )
    assert first.settings["learning_rate"] == 0.2
    assert other.settings == {**first.settings, "learning_rate": 0.1}
    assert given.settings == {**SMALL, "steps": 5, **WEAKER}


def test_a_model_may_be_made_for_a_trainer(monkeypatch):
    entry = MODELS["reservoir"]
    made_for = {"trainer": "ridge"}
    monkeypatch.setitem(
        MODELS._entries, "reservoir", type(entry)(**{**vars(entry), **made_for})
    )
    models = ["reservoir", {"name": "reservoir", "trainer": "gradient_descent"}]
    found = recipes(suite_of(*models, "elman", learning_rate=0.1))
    assert [one.name for one in found] == ["ridge", *2 * ["gradient_descent"]]
    assert "learning_rate" not in found[0].all_settings


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"name": "rigde"}, UnknownName, "no trainer named 'rigde'.*ridge"),
        ({"name": "ridge", "learning_rate": 1}, SuiteProblem, "no setting 'learning"),
        ({"name": "ridge", "strengths": [0.0]}, SuiteProblem, "strengths must be"),
        ({"name": "em", "start": "random"}, SuiteProblem, "'random' is none of zero"),
        ({"optimizer": "adamm"}, SuiteProblem, "'adamm' is none of adamw, adam, sgd"),
        ({"clip_by": "size"}, SuiteProblem, "'size' is none of global_norm"),
        ({"momentum": 1.0}, SuiteProblem, "momentum must be a number of at least 0"),
        ({"penalties": {"l3": 1.0}}, UnknownName, "no penalty named 'l3'.*l1"),
    ],
)
def test_a_wrong_trainer_is_refused_at_planning(change, error, words):
    with pytest.raises(error, match=words):
        make_jobs(suite_of("elman", **change))
    with pytest.raises(error, match=words):
        make_jobs(suite_of({"name": "elman", "trainer": change}))


SUITE = f"""
models = [
  {{ name = "reservoir", trainer = "ridge" }},
  {{ name = "reservoir", trainer = {{ learning_rate = 0.05 }} }},
  {{ name = "last_step", head = "none", width = "outputs", trainer = "ridge" }},
]
tasks = [{{ name = "add", length = 4 }}]
seeds = 2
width = 40
plugins = [{json.dumps(str(RESERVOIR))}]

[trainer]
steps = 12
batch = 8
checks = 3
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder with one network under two trainers, and one that ridge cannot train."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "mine.toml").write_text(SUITE)
    session = open_session(load_suite(str(folder / "mine.toml")), folder / "results")
    assert not [e for e in session.run(workers=0) if e.kind == "failed"]
    return session


def test_one_network_has_two_trainers_in_one_suite(ran):
    first = [record for record in ran.store if record.identity.seed == 0]
    records = {record.identity.trainer.name: record for record in first}
    assert records.keys() == {"ridge", "gradient_descent"}
    assert {record.result.outcome for record in records.values()} == {"finished"}
    weights = {name: ran.store.weights(one.key) for name, one in records.items()}
    frozen = [f".layers[0].cell.{part}.array" for part in ("enter", "recurrent")]
    for place in frozen:
        np.testing.assert_array_equal(*(one[place] for one in weights.values()))
    for name, record in records.items():
        model, _ = restore_record(record, ran.store)
        restored, start = arrays_by_path(model), arrays_by_path(started(ran, record))
        for place in frozen:  # saved, and as they started
            np.testing.assert_allclose(restored[place], start[place], rtol=1e-6)
        assert not np.array_equal(restored[".head.weight"], start[".head.weight"])
        counted = [array.size for place, array in start.items() if place not in frozen]
        assert record.result.parameters == sum(counted), name
    ridge, descent = (records[name] for name in ("ridge", "gradient_descent"))
    assert ridge.result.learning_rate is None
    assert ridge.result.chosen["strength"] in (1e-8, 1e-6, 1e-4, 1e-2, 1.0)
    assert descent.result.learning_rate == pytest.approx(0.05)
    assert descent.result.chosen == {}
    curve = ran.store.history(ridge.key).series
    assert curve["step"] == [4.0, 8.0, 12.0]
    assert "learning_rate" not in curve
    assert "gradient_norm" not in curve


def started(session, record):
    """Returns the model of a run as it started."""
    (job,) = [job for job in session.jobs if job.key == record.key]
    identity = job.identity
    names = (identity.seed, identity.model.name, identity.task.name)
    return assemble(job).build(key_for("init", *names))


def test_who_cannot_be_trained_so_is_refused_with_the_reason(ran):
    reason = (
        "ridge cannot train it: it has no linear map named 'head', where one is to "
        "give its answers"
    )
    (refusal,) = ran.refusals
    assert refusal.label == f"last_step cannot play add: {reason}"
    assert refusal.trainer.name == "ridge"
    assert reason in str(leaderboard(ran.results))
    (plan,) = read_plans(ran.store)
    assert plan.refusals == [refusal]
    assert {cell.identity.trainer.name for cell in plan.cells} == {
        *("ridge", "gradient_descent")
    }


def test_a_refused_trainer_is_told_though_another_trains_the_pair(ran):
    free = {"name": "last_step", "head": "none", "width": "outputs"}
    suite = suite_of(free, {**free, "trainer": "ridge"})
    jobs, (refusal,) = plan_suite(suite)
    session = open_session(suite, ran.results / "both")
    list(session.run(workers=0))
    assert len(jobs) == 1
    assert refusal.reason in str(leaderboard(session.results))


def test_table_and_page_say_which_trainer_it_was(ran):
    frame = runs_frame(ran.store)
    assert set(frame["contender"]) == {
        *("reservoir (trainer=ridge)", "reservoir (trainer=gradient_descent)")
    }
    page = render_report(ran.store, "tests")
    assert "Trained by ridge (batch=8, checks=3, steps=12, strengths=" in page
    assert "Trained by gradient_descent (batch=8," in page


def test_a_ridge_broken_off_at_every_check_ends_with_the_same_bits(
    ran, tmp_path, monkeypatch
):
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    suite = load_suite(str(Path(ran.results).parent / "mine.toml"), {"seeds": 1})
    session = open_session(suite, tmp_path / "broken")
    while session.pending:
        checks = 0
        for event in session.run(workers=0):
            checks += event.kind == "check"
            if checks == 2:
                break
    assert any(record.provenance.interruptions for record in session.store)
    calm, broken = bits_of(ran.store), bits_of(open_store(tmp_path / "broken"))
    assert broken == {key: calm[key] for key in broken}


class Stacked(AbstractLayer):
    """Two layers in one array each, as a scan over depth takes them."""

    parts: eqx.nn.Linear
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, features: int, hidden: int, *, key):
        del features  # the embedding's
        keys = jax.random.split(key, 2)
        self.parts = eqx.filter_vmap(lambda k: eqx.nn.Linear(hidden, hidden, key=k))(
            keys
        )
        self.hidden_size, self.causal = hidden, True

    def __call__(self, sequence, *, key=None):
        hs = sequence.xs
        assert self.parts.bias is not None
        for weight, bias in zip(self.parts.weight, self.parts.bias, strict=True):
            hs = jax.nn.relu(hs @ weight.T + bias[None])
        return hs


def test_only_decayed_stacks_are_of_another_version(monkeypatch):
    """Their biases were decayed once; whoever decays nothing has the same results."""
    MODELS.discover()
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))
    MODELS.register("stacked", family="test", source="a talk", version=7)(Stacked)
    for trainer, version in (
        ({}, "7" + STACKS),
        ({"weight_decay": 0.0}, "7"),
        ({"weight_decay": 0.0, "penalties": {"l1": 0.1}}, "7" + STACKS),
    ):
        suite = suite_of("stacked", "gru", **trainer)
        stacked, gru = make_jobs(suite)
        assert stacked.identity.model.version == version
        assert gru.identity.model.version == "1"
        assert assemble(stacked).contender.name == "stacked"
