"""The README's words are tried: its example runs, its commands exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnarena.cli import app


ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Returns the fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def python(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> Path:
    """The file that a reader makes of the example."""
    path = tmp_path_factory.mktemp("readme") / "fader.py"
    (code,) = blocks("python")
    path.write_text(code, encoding="utf-8")
    return path


def test_the_example_prints_its_table(example):
    done = python("-W", "error", example.name, cwd=example.parent)
    assert done.returncode == 0, done.stderr
    for name in ("fader", "elman", "gru", "overall"):
        assert name in done.stdout


def test_the_example_meets_the_laws(example):
    arena = "from nnarena.cli import app; app()"
    done = python("-c", arena, "check", example.name, cwd=example.parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_joins_a_suite_in_worker_processes(example):
    words = ["run", "smoke", "--models", f"{example.name},gru", "--steps", "20"]
    words += ["--tasks", "add", "--seeds", "1"]
    arena = "from nnarena.cli import app; app()"
    done = python("-c", arena, *words, "-w", "1", "-r", "out", cwd=example.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fader" in done.stdout


def test_every_command_line_uses_what_exists():
    known = CliRunner().invoke(app, ["--help"]).output
    lines = "\n".join(blocks("sh")).splitlines()
    commands = [line.split("arena ", 1)[1] for line in lines if "bin/arena " in line]
    assert len(commands) >= 6
    for command in commands:
        words = shlex.split(command, comments=True)
        assert words[0] in known
        options = [word for word in words if word.startswith("--")]
        helped = CliRunner().invoke(app, [words[0], "--help"]).output
        assert all(option in helped for option in options), command


def test_every_linked_file_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
