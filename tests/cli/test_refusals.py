"""What the command line says of a contender that cannot play a task."""

import json
from pathlib import Path

import pytest
from tests.rollouts import enter_backwards
from typer.testing import CliRunner

from nnarena.cli import app


run = CliRunner().invoke

REASON = "its answers use later inputs, and the task forbids that"

SENTENCE = f"backwards cannot play cell: {REASON}"

SUITE = """
models = [{ name = "transformer", blocks = 1 }, "backwards"]
tasks = [{ name = "cell", length = 6 }]
seeds = 1
width = 4

[trainer]
steps = 4
batch = 4
checks = 1
"""


@pytest.fixture
def folder(monkeypatch, tmp_path) -> Path:
    enter_backwards(monkeypatch)
    (tmp_path / "mine.toml").write_text(SUITE)
    return tmp_path


def asked(folder: Path, command: str, *words: str):
    suite, results = str(folder / "mine.toml"), str(folder / "out")
    return run(app, [command, suite, "-r", results, *words])


def test_a_plan_shows_who_cannot_play_and_what_was_added(folder):
    shown = asked(folder, "plan")
    assert shown.exit_code == 0, shown.output
    assert SENTENCE in shown.output
    assert "transformer (causal=true)" in shown.output
    told = json.loads(asked(folder, "plan", "--json").stdout)
    wanted = {"model": "backwards", "task": "cell", "reason": REASON}
    assert told["refusals"] == [wanted]
    assert [cell["model"] for cell in told["cells"]] == ["transformer (causal=true)"]


def test_a_run_is_no_failure_and_status_and_leaderboard_keep_the_reason(folder):
    done = asked(folder, "run", "-w", "0")
    assert done.exit_code == 0, done.output
    assert done.output.count(SENTENCE) == 2  # before the runs and below the leaderboard
    results = str(folder / "out")
    assert SENTENCE in run(app, ["status", results]).stdout
    (plan,) = json.loads(run(app, ["status", results, "--json"]).stdout)["plans"]
    assert [one["reason"] for one in plan["refusals"]] == [REASON]
    board = json.loads(run(app, ["compare", results, "--json"]).stdout)
    (refused,) = board["refused"]
    assert refused == {"contender": "backwards", "task": "cell", "reason": REASON}
    assert SENTENCE in (folder / "out" / "report.html").read_text()


def test_a_plan_of_nothing_else_ends_well_and_is_kept(folder):
    done = asked(folder, "run", "-w", "0", "--models", "backwards")
    assert done.exit_code == 0, done.output
    assert SENTENCE in done.output
    assert "nothing to do: the plan has no run\n" in done.output
    assert SENTENCE in run(app, ["status", str(folder / "out")]).stdout
