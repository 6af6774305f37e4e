"""Faults as the system makes them: a full disk, a read-only folder, two at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.suite.bits import bits_of

from nnarena.runs.store import DirectoryStore, open_store


pytestmark = pytest.mark.slow

SUITE = """
models = ["elman", "gru"]
tasks = [{ name = "add", length = 6 }]
seeds = 6
width = 4

[trainer]
steps = 400
batch = 4
checks = 20
"""

ARENA = f"{sys.executable} -c 'from nnarena.cli import app; app()'"

ON_A_SMALL_DISK = f"""
mount -t tmpfs -o size=64k tmpfs out
{ARENA} run mine.toml -r out -w 1
echo "full: $?, $(ls out/records | wc -l) records"
{ARENA} compare out > /dev/null
echo "readable: $?"
mount -o remount,size=8m out
{ARENA} run mine.toml -r out -w 1
echo "larger: $?, $(ls out/records | wc -l) records"
mount -o remount,ro out
{ARENA} run mine.toml -r out -w 1 -s 7
echo "read-only: $?"
{ARENA} status out
echo "status: $?"
{ARENA} compare out > /dev/null && {ARENA} report out -o page.html
echo "read: $?"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "mine.toml").write_text(SUITE)
    (tmp_path / "out").mkdir()
    monkeypatch.setenv("NNARENA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def own_mounts() -> list[str]:
    """Returns the words before a command that may mount what nobody else sees."""
    words = ["unshare", "--map-root-user", "--mount"]
    try:
        subprocess.run([*words, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("user namespaces are not available here")
    return words


def test_a_disk_that_is_full_and_one_that_is_read_only(folder):
    done = subprocess.run(
        [*own_mounts(), "sh", "-c", ON_A_SMALL_DISK], capture_output=True, text=True
    )
    said = done.stdout.splitlines()
    problems = [line for line in done.stderr.splitlines() if "arena:" in line]
    assert [line for line in said if line.startswith("full: 2, ")], done.stderr
    assert "full: 2, 0 records" not in said, "the disk was full before any run"
    assert "readable: 0" in said
    assert "larger: 0, 12 records" in said, done.stderr
    assert "read-only: 2" in said
    assert "status: 0" in said
    assert "read: 0" in said, done.stderr
    assert len(problems) == 2, done.stderr
    assert "No space left on device" in problems[0]
    assert "give the same command again" in problems[0]
    assert "Read-only file system" in problems[1]
    assert "Traceback" not in done.stderr


def test_two_at_once_share_the_runs(folder):
    words = [*ARENA.split(" ", 1)[:1], "-c", "from nnarena.cli import app; app()"]
    words += ["run", "mine.toml", "-w", "1", "-r"]
    assert subprocess.run([*words, "calm"], capture_output=True).returncode == 0
    both = [
        subprocess.Popen(
            [*words, "out"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=280)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    finished = sum(text.count(": finished, test ") for text in said)
    assert finished == 12, "a run was done twice, or not at all"
    assert bits_of(open_store(folder / "out")) == bits_of(open_store(folder / "calm"))
    assert DirectoryStore(folder / "out").claimed() == set()
