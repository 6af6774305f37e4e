"""What the command line does with a task whose answers are generated."""

import json
from pathlib import Path

import pytest
from tests.strangers import MODEL
from typer.testing import CliRunner

from nnarena.cli import app


run = CliRunner().invoke

TASK = str(Path(__file__).parents[2] / "examples/backwards.py")
REASON = "it generates no answers, and the task asks for generated ones"


@pytest.fixture
def entrants(tmp_path) -> str:
    """Returns words for two that can and one that cannot."""
    (tmp_path / "mine.py").write_text(MODEL.replace("{name}", "mine"))
    return f"gru,transformer,{tmp_path / 'mine.py'}"


def words(entrants: str, folder: Path) -> list[str]:
    small = ["-s", "1", "--steps", "4", "-r", str(folder / "out")]
    return ["smoke", "-m", entrants, "-t", TASK, *small]


def test_a_plan_shows_who_cannot_generate(entrants, tmp_path):
    shown = run(app, ["plan", *words(entrants, tmp_path)])
    assert shown.exit_code == 0, shown.output
    assert f"mine cannot play backwards: {REASON}" in shown.output
    told = json.loads(run(app, ["plan", *words(entrants, tmp_path), "--json"]).stdout)
    assert [one["reason"] for one in told["refusals"]] == [REASON]
    assert [cell["model"] for cell in told["cells"]] == [
        "gru",
        "transformer (causal=true)",
    ]


def test_a_run_is_stored_reported_and_diagnosed(entrants, tmp_path):
    done = run(app, ["run", *words(entrants, tmp_path), "-w", "0"])
    assert done.exit_code == 0, done.output
    assert REASON in done.output
    results = str(tmp_path / "out")
    board = json.loads(run(app, ["compare", results, "--json"]).stdout)
    assert [one["reason"] for one in board["refused"]] == [REASON]
    diagnosed = run(app, ["diagnose", results, "--json"])
    assert diagnosed.exit_code == 0, diagnosed.output
    found = {row["contender"]: row["length"] for row in json.loads(diagnosed.stdout)}
    assert found == {"gru": 5, "transformer": 5}


def test_ridge_is_refused_for_it(tmp_path):
    (tmp_path / "mine.toml").write_text(
        f'models = ["gru"]\ntasks = [{{name = "{TASK}"}}]\nseeds = 1\nwidth = 4\n'
        '[trainer]\nname = "ridge"\n'
    )
    shown = run(app, ["plan", str(tmp_path / "mine.toml"), "-r", str(tmp_path / "out")])
    assert shown.exit_code == 0, shown.output
    assert "ridge cannot train it: it generates its answers" in shown.output
