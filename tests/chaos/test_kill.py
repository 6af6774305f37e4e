"""Power cuts: the parent and its workers killed at random until the matrix is done."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nnarena.runs.store import DirectoryStore


pytestmark = pytest.mark.chaos

SUITE = """
models = ["elman", "gru"]
tasks = [{ name = "add", length = 30 }]
seeds = 3
width = 16

[trainer]
steps = 1_500
checks = 150
"""


def start(suite: Path, results: Path, cache: Path) -> subprocess.Popen:
    words = ["run", str(suite), "--results", str(results), "--workers", "2"]
    return subprocess.Popen(
        [sys.executable, "-c", "from nnarena.cli import app; app()", *words],
        env={**os.environ, "NNARENA_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def bits(results: Path) -> dict[str, tuple]:
    store = DirectoryStore(results)
    return {
        record.key: (
            record.identity,
            record.result,
            (results / "history" / f"{record.key}.json").read_bytes(),
            (results / "weights" / f"{record.key}.safetensors").read_bytes(),
        )
        for record in store
    }


def kill_all(parent: subprocess.Popen) -> None:
    """Kills the parent, then whatever of its workers is left, as a power cut would."""
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    pids = (
        [int(pid) for pid in children.read_text().split()] if children.exists() else []
    )
    parent.kill()
    parent.wait()
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_a_matrix_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE)
    cache = tmp_path / "cache"
    assert start(suite, tmp_path / "calm", cache).wait(timeout=300) == 0
    chance, results = random.Random(0), tmp_path / "wild"
    kills = interrupted = 0
    for _ in range(60):
        seen = len(list((results / "records").glob("*.json")))
        run = start(suite, results, cache)
        try:
            assert run.wait(timeout=chance.uniform(4.0, 9.0)) == 0
            break
        except subprocess.TimeoutExpired:
            kill_all(run)
            kills += 1
            time.sleep(0.2)
            kept = len(list((results / "records").glob("*.json")))
            assert kept >= seen  # nothing finished is ever lost
            interrupted += (
                len(list((results / "checkpoints").glob("*.safetensors"))) > 0
            )
    assert kills >= 1
    assert interrupted >= 1
    assert bits(results) == bits(tmp_path / "calm")
    assert list((results / "checkpoints").iterdir()) == []
    records = list(DirectoryStore(results))
    assert max(record.provenance.interruptions for record in records) >= 1
