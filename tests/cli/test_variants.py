"""Variants of one contender have names of their own while they are planned and run."""

import json

import pytest
from typer.testing import CliRunner

from nnarena.cli import app


SUITE = """
models = [
    { name = "last_step", trainer = { clip = 0.0 } },
    { name = "last_step", trainer = { clip = 1.0 } },
]
tasks = [{ name = "add", length = 4 }, { name = "add", length = 5 }]
seeds = 1
width = 4

[trainer]
steps = 2
checks = 1
batch = 2
"""


@pytest.fixture
def words(tmp_path) -> list[str]:
    (tmp_path / "two.toml").write_text(SUITE)
    return [str(tmp_path / "two.toml"), "-r", str(tmp_path / "results")]


def test_the_plan_the_lines_of_a_run_and_its_status_tell_trainings_apart(words):
    runner = CliRunner()
    plan = json.loads(runner.invoke(app, ["plan", *words, "--json"]).stdout)
    names = {f"last_step (clip={clip})" for clip in ("0.0", "1.0")}
    assert {cell["model"] for cell in plan["cells"]} == names
    ran = runner.invoke(app, ["run", *words, "--workers", "0"])
    assert ran.exit_code == 0, ran.output
    for length in (4, 5):
        for name in names:
            assert f"{name} on add (length={length}), seed 0: finished" in ran.output
