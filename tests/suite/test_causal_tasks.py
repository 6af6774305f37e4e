"""Roll-outs, whose next input is the answer: who is made causal, who cannot play."""

import json

import pytest
from tests.rollouts import enter_backwards, enter_rollout

import nnarena
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.text import board_text
from nnarena.cli.diagnose import SKIPS
from nnarena.core.problems import CannotPlay
from nnarena.report.page import render_report
from nnarena.runs.plans import Plan, read_plans, read_refusals
from nnarena.runs.record import History
from nnarena.runs.survey import survey
from nnarena.suite.config import Suite, parse_suite
from nnarena.suite.plan import assemble, plan_suite
from nnarena.suite.restore import restore_record
from nnarena.suite.session import Session, leaderboard, open_session


REASON = "its answers use later inputs, and the task forbids that"

EXPLICIT = {"name": "transformer", "causal": False, "blocks": 1}

ROLLOUT, ADD = {"name": "rollout", "length": 6}, {"name": "add", "length": 6}


@pytest.fixture(autouse=True)
def _entered(monkeypatch):
    enter_backwards(monkeypatch)
    enter_rollout(monkeypatch)


def suite_of(*models, tasks=(ROLLOUT, ADD), **changes) -> Suite:
    content = {
        "name": "rollouts",
        "models": list(models),
        "tasks": list(tasks),
        "seeds": 2,
        "width": 4,
        "trainer": {"steps": 10, "batch": 4, "checks": 2},
    }
    return parse_suite({**content, **changes}, "tests")


TRANSFORMER = {"name": "transformer", "blocks": 1}


def test_a_contender_is_made_causal_where_the_task_asks_for_it_and_nowhere_else():
    jobs, refusals = plan_suite(suite_of(TRANSFORMER, "elman"))
    assert not refusals
    for job in jobs:
        model, task = job.identity.model, job.identity.task.name
        made = model.name == "transformer" and task == "rollout"
        assert model.settings.get("causal") is (True if made else None)
        assert assemble(job).contender.settings.get("causal", True) is (
            made or model.name == "elman"
        )
    free = {**ROLLOUT, "causal": False}
    (plain,), _ = plan_suite(suite_of(TRANSFORMER, tasks=[free], seeds=1))
    (made,), _ = plan_suite(suite_of(TRANSFORMER, tasks=[ROLLOUT], seeds=1))
    given = {**TRANSFORMER, "causal": True}
    (same,), _ = plan_suite(suite_of(given, tasks=[ROLLOUT], seeds=1))
    assert plain.identity.model != made.identity.model
    assert made.key == same.key


@pytest.mark.parametrize("size", [{"width": 4}, {"width": None, "parameters": 500}])
def test_who_cannot_play_is_refused_with_the_reason_and_no_other_pair(size):
    jobs, refusals = plan_suite(suite_of("backwards", EXPLICIT, "elman", **size))
    pairs = {(job.identity.model.name, job.identity.task.name) for job in jobs}
    assert pairs == {
        *(("backwards", "add"), ("transformer", "add")),
        *(("elman", "add"), ("elman", "rollout")),
    }
    hint = "; with causal=true, or without that setting, it can play"
    assert [refusal.label for refusal in refusals] == [
        f"backwards cannot play rollout: {REASON}",
        f"transformer cannot play rollout: {REASON}{hint}",
    ]


def test_a_width_of_its_own_is_no_way_around():
    model = {"name": "backwards", "width": "outputs"}
    jobs, (refusal,) = plan_suite(suite_of(model, tasks=[ROLLOUT]))
    assert not jobs
    assert refusal.reason == REASON


@pytest.fixture
def ran(tmp_path) -> Session:
    """A session in which one contender was made causal and one could not play."""
    session = open_session(suite_of(TRANSFORMER, "backwards"), tmp_path / "results")
    assert not [e for e in session.run(workers=0) if e.kind == "failed"]
    return session


def test_a_refusal_is_kept_and_shown(ran):
    (refusal,) = read_refusals(ran.store)
    (plan,) = read_plans(ran.store)
    assert (refusal.model.name, refusal.task.name) == ("backwards", "rollout")
    assert plan.refusals == [refusal]
    assert [len(one.of("done")) for one in survey(ran.store)] == [6]

    board = leaderboard(ran.results)
    assert {s.contender: s.missing for s in board.standings} == {
        "transformer": (),  # one contender, though causal on one of its tasks
        "backwards": ("rollout",),
    }
    sentence = f"backwards cannot play rollout: {REASON}."
    assert [one.sentence for one in board.refused] == [sentence]
    assert sentence in board_text(board).splitlines()

    page = render_report(ran.store, "tests")
    assert f"cannot play: {REASON}" in page
    assert sentence in page
    assert "on rollout with causal=true" in page
    frame = runs_frame(ran.store)
    columns = ["contender", "task", "added_settings"]
    added = set(frame[columns].itertuples(index=False, name=None))
    assert ("transformer", "rollout", "causal=true") in added
    assert ("transformer", "add", "") in added


def test_a_made_run_is_restored_causal(ran):
    record = next(r for r in ran.store if r.identity.task.name == "rollout")
    model, task = restore_record(record, ran.store)
    assert model.causal
    assert task.signature.needs_causality


def test_a_run_from_before_the_task_was_causal_is_not_built_again(ran):
    """Its record stays; `arena diagnose` leaves it out with this reason."""
    record = next(r for r in ran.store if r.identity.task.name == "rollout")
    settings = {**record.identity.model.settings, "causal": False}
    model = record.identity.model.model_copy(update={"settings": settings})
    identity = record.identity.model_copy(update={"model": model})
    with pytest.raises(SKIPS, match=REASON):
        restore_record(record.model_copy(update={"identity": identity}), ran.store)


def test_a_refusal_is_kept_though_nothing_is_left_to_run(ran):
    done = open_session(suite_of(TRANSFORMER), ran.results)
    more = open_session(suite_of(TRANSFORMER, EXPLICIT, "backwards"), ran.results)
    assert not done.pending
    assert not more.pending
    list(more.run(workers=0))
    assert len(read_refusals(ran.store)) == 2
    keys = {job.key for job in done.jobs}
    assert len(read_refusals(ran.store, keys)) == 2
    assert read_refusals(ran.store, {"another run"}) == []


def test_a_plan_without_refusals_is_read_as_before(ran):
    (plan,) = read_plans(ran.store)
    older = json.loads(plan.model_dump_json(exclude={"refusals"}))
    assert Plan.model_validate(older).refusals == []


def test_a_contender_that_was_mended_is_no_longer_refused(tmp_path):
    """Its plan of then is still kept, but the pair has runs now."""
    suite = suite_of("elman", "backwards", tasks=[ROLLOUT], seeds=1)
    session = open_session(suite, tmp_path / "results")
    list(session.run(workers=0))
    assert len(leaderboard(session.results).refused) == 1
    (record,) = session.store
    changes = {"name": "backwards", "version": "text-mended"}
    model = record.identity.model.model_copy(update=changes)
    identity = record.identity.model_copy(update={"model": model})
    twin = record.model_copy(update={"identity": identity, "key": identity.key})
    session.store.put(twin, History(key=twin.key), {})
    assert leaderboard(session.results).refused == ()


def test_python_is_told_too(tmp_path):
    settings = {"seeds": 1, "width": 4, "parameters": None}
    settings |= {"steps": 4, "batch": 4, "checks": 1}
    with pytest.raises(CannotPlay, match="backwards cannot play rollout"):
        nnarena.run(["backwards"], [ROLLOUT], results=tmp_path / "none", **settings)
    models = ["backwards", "elman"]
    board = nnarena.run(models, [ROLLOUT], results=tmp_path / "some", **settings)
    assert [s.contender for s in board.standings] == ["elman"]
    assert f"backwards cannot play rollout: {REASON}." in str(board)


@pytest.mark.slow
def test_who_looks_ahead_copies_the_next_state(tmp_path):
    """The fault itself, where a task does not say what it is."""
    settings = {"seeds": 2, "width": 16, "parameters": None, "steps": 1_500}
    asked = {"name": "rollout", "length": 16}
    errors = {}
    for causal in (True, False):
        board = nnarena.run(
            [TRANSFORMER],
            [{**asked, "causal": causal}],
            results=tmp_path / str(causal),
            learning_rate=3e-3,
            **settings,
        )
        (standing,) = board.standings
        errors[causal] = standing.cells[0].mean
    # A push of variance 1 moves the velocity by 1 and the angle by 0.3: who cannot see
    # the next state has at least (1 + 0.09) / 2 left.
    assert errors[True] > 0.5
    assert errors[False] < 0.25
