"""What `arena status` says of runs that others do."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnarena.cli import app, status
from nnarena.models import MODELS
from nnarena.runs.progress import Progress
from nnarena.suite import resuming, runner
from nnarena.suite.config import load_suite
from nnarena.suite.session import Session, open_session


run = CliRunner().invoke

SUITE = """
models = ["elman"]
tasks = [{ name = "add", length = 6 }]
seeds = 3
width = 4

[trainer]
steps = 12
batch = 4
checks = 3
"""


@pytest.fixture
def session(tmp_path, monkeypatch) -> Session:
    """Three runs, of which one is done and one was left in the middle."""
    monkeypatch.setenv("NNARENA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    session = open_session(load_suite(str(path)), tmp_path / "out")
    checks = 0
    for event in session.run(workers=0):
        checks += event.kind == "check"
        if checks == 5:
            break
    return session


def shown(session: Session, *words: str) -> str:
    answer = run(app, ["status", str(session.results), *words])
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_done_interrupted_and_left_are_told(session):
    text = shown(session)
    assert "mine: 1 of 3 runs done, 1 interrupted, 1 left, about" in text
    assert "4/12" in text  # of the last checkpoint
    assert "ago" in text


def test_who_is_at_work_and_where_is_told(session):
    claim = session.store.claim(session.jobs[1].key)
    text = shown(session)
    assert "1 running" in text
    assert "process" in text
    claim.release()


def test_json_has_all_of_it(session):
    (plan,) = json.loads(shown(session, "--json"))["plans"]
    states = ("done", "running", "failed", "interrupted", "left")
    assert [plan[state] for state in states] == [1, 0, 0, 1, 1]
    assert plan["runs"] == 3
    (under_way,) = plan["under_way"]
    assert under_way["step"] == 4.0
    assert under_way["run"] == "elman on add, seed 1"
    assert under_way["quiet_seconds"] >= 0
    assert plan["seconds_left"] > 0


def test_a_failure_is_told_with_its_reason_and_log(session, monkeypatch):
    def break_down(*_):
        raise RuntimeError("no luck today")

    with monkeypatch.context() as broken:
        broken.setattr(resuming, "tree_from_paths", break_down)
        list(session.run(workers=0))
    text = shown(session)
    assert "elman on add, seed 1: RuntimeError: no luck today (" in text
    assert f"logs/{session.jobs[1].key}.txt" in text
    (failure,) = json.loads(shown(session, "--json"))["plans"][0]["failures"]
    assert failure["reason"] == "RuntimeError: no luck today"


def test_records_of_another_version_are_named(session, tmp_path, monkeypatch):
    newer = dataclasses.replace(MODELS["elman"], version="2")
    monkeypatch.setitem(MODELS._entries, "elman", newer)
    changed = open_session(load_suite(str(tmp_path / "mine.toml")), session.results)
    next(iter(changed.run(workers=0)))
    text = shown(session)
    assert "1 record of another version than now" in text
    assert "elman (version 1)" in text


def test_a_folder_without_a_plan_is_refused(tmp_path):
    answer = run(app, ["status", str(tmp_path)])
    assert answer.exit_code == 2
    assert "`arena run` keeps one" in answer.output
    assert list(tmp_path.iterdir()) == []


def test_a_view_is_taken_up_where_the_runs_are_and_ends_with_them(session, monkeypatch):
    """While another process goes on: here, between two looks."""
    monkeypatch.setattr(status, "REFRESH_SECONDS", 0.0)
    keys = {job.key for job in session.jobs}
    watching = status.Watching(session.store, keys).events()
    seen = [next(watching), next(watching)]
    assert [event.kind for event in seen] == ["done", "stopped"]
    others = session.run(workers=0)
    steps = []
    for event in others:
        claimed = session.store.claimed()
        if event.kind == "check" and event.key == session.jobs[2].key and claimed:
            steps.append(event.figures["step"])
    seen += list(watching)
    assert [event.kind for event in seen].count("done") == 3
    assert all(event.text == "finished" for event in seen if event.kind == "done")


def test_following_what_is_done_ends_at_once(session):
    list(session.run(workers=0))
    assert "3 of 3 runs done" in shown(session, "--follow")


def test_following_shows_the_rest_in_lines(session, monkeypatch):
    monkeypatch.setattr(status, "REFRESH_SECONDS", 0.0)
    rest = session.run(workers=0)
    monkeypatch.setattr(status.time, "sleep", lambda _: next(rest, None))
    text = shown(session, "--follow")
    assert "[2/2] elman on add, seed" in text


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_who_no_longer_looks_on_stops_no_run(session, monkeypatch, capfd, number, code):
    rest = session.run(workers=0)
    next(rest)
    monkeypatch.setattr(status.time, "sleep", lambda _: os.kill(os.getpid(), number))
    words = ["status", str(session.results), "--follow"]
    assert run(app, words).exit_code == code
    assert "no longer looking on; the runs go on" in capfd.readouterr().err
    rest.close()


def said(told_at: str) -> Progress:
    return Progress(key="a", host="h", process=1, executor="e", told_at=told_at)


def test_a_clock_that_was_set_back_is_no_sign_from_the_future():
    later = datetime.now(UTC) + timedelta(hours=5)
    earlier = datetime.now(UTC) - timedelta(seconds=90)
    assert status.quiet_seconds(said(later.isoformat())) == 0.0
    assert status.quiet_seconds(said(earlier.isoformat())) == pytest.approx(90, abs=60)
    for odd in ("", "yesterday", "2026-03-01T09:00:00"):
        assert status.quiet_seconds(said(odd)) is None


def test_looking_on_loads_no_jax(session):
    code = (
        "import sys\nfrom nnarena.cli import app\n"
        f"try: app(['status', {str(session.results)!r}])\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'jax' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path(session.results).is_dir()
