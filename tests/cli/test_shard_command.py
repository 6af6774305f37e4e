"""Pieces of a plan from the command line, and the script that asks Slurm for them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnarena.cli import app


SCRIPT = Path(__file__).parents[2] / "examples" / "slurm" / "arena.sbatch"

SUITE = """
models = ["elman", "gru"]
tasks = [{ name = "add", length = 6 }]
seeds = 3
width = 4
trainer = { steps = 12, batch = 4, checks = 3 }
"""


@pytest.fixture
def suite(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(SUITE)
    return "mine.toml"


def planned(*words: str) -> dict:
    answer = CliRunner().invoke(app, ["plan", *words, "--json"])
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_the_pieces_of_a_plan_are_the_plan(suite):
    whole = planned(suite)["runs"]
    pieces = [planned(suite, "--shard", f"{i}/4")["runs"] for i in (1, 2, 3, 4)]
    assert sum(pieces) == whole == 6
    assert max(pieces) - min(pieces) <= 1


def test_a_piece_without_runs_is_no_mistake(suite, tmp_path):
    answer = CliRunner().invoke(app, ["run", suite, "-r", "out", "--shard", "1/100"])
    assert answer.exit_code == 0, answer.output
    assert "the plan has no run for shard 1/100" in answer.output
    assert planned(suite, "--shard", "1/100")["runs"] == 0
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("shard", ["0/3", "4/3", "a/b", "3", ""])
def test_a_mistake_is_told_before_anything_else(suite, tmp_path, command, shard):
    answer = CliRunner().invoke(app, [command, suite, "-r", "out", "--shard", shard])
    assert answer.exit_code == 2
    assert "--shard takes i/n, the piece i of n counted from 1" in answer.output
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
class TestSlurm:
    """The script as Slurm runs it: variables set, `srun` and `arena` on the path."""

    def run(self, folder: Path, *words: str, **variables: str):
        for name, text in {
            "srun": 'shift; exec "$@"',
            "arena": 'echo arena "$@"',
        }.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
        return subprocess.run(
            ["bash", str(SCRIPT), *words],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def test_every_task_of_the_array_asks_for_its_own_piece(self, tmp_path):
        lines = SCRIPT.read_text().splitlines()
        (array,) = (line for line in lines if line.startswith("#SBATCH --array="))
        first, last = array.split("=")[1].split("-")
        for task in range(int(first), int(last) + 1):
            done = self.run(
                tmp_path,
                "quick",
                "out",
                SLURM_ARRAY_TASK_ID=str(task),
                SLURM_CPUS_PER_TASK="8",
            )
            assert done.returncode == 0, done.stderr
            words = f"--shard {task}/{last} --results out --workers 8"
            assert done.stdout.split() == ["arena", "run", "quick", *words.split()]

    def test_its_words_are_words_of_the_command(self, suite, tmp_path):
        done = self.run(tmp_path, suite, "out", SLURM_ARRAY_TASK_ID="2")
        arena, run, *words = done.stdout.split()
        assert (arena, run) == ("arena", "run")
        assert planned(*words)["runs"] == 1

    def test_what_is_missing_is_told(self, tmp_path):
        done = self.run(tmp_path, SLURM_ARRAY_TASK_ID="1")
        assert done.returncode != 0
        assert "which suite" in done.stderr
