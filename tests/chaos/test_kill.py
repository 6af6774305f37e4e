"""Power cuts: the parent and its workers killed at random until the matrix is done."""

import contextlib
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

KILLS = 6

SUITE = """
models = ["elman", "gru"]
tasks = [{ name = "add", length = 30 }]
seeds = 3
width = 16

[trainer]
steps = 4_000
checks = 200
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


def progress(results: Path) -> set[tuple[str, int]]:
    """Returns what lies in the store, told apart by the time of writing."""
    kept = [*results.glob("records/*.json"), *results.glob("checkpoints/*.safetensors")]
    return {(path.name, path.stat().st_mtime_ns) for path in kept}


def wait_for_progress(run: subprocess.Popen, results: Path) -> bool:
    """Returns whether something new was kept before the matrix came to its end."""
    before = progress(results)
    while run.poll() is None:
        with contextlib.suppress(FileNotFoundError):  # a checkpoint was just removed
            if progress(results) - before:
                return True
        time.sleep(0.05)
    return False


def test_a_matrix_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE)
    cache, results = tmp_path / "cache", tmp_path / "wild"
    assert start(suite, tmp_path / "calm", cache).wait(timeout=600) == 0
    chance = random.Random(0)
    interrupted = 0
    for _ in range(KILLS):
        seen = len(list(results.glob("records/*.json")))
        run = start(suite, results, cache)
        if wait_for_progress(run, results):
            time.sleep(chance.uniform(0.0, 1.0))
        kill_all(run)
        assert len(list(results.glob("records/*.json"))) >= seen  # nothing is lost
        interrupted += any(results.glob("checkpoints/*.safetensors"))
    assert start(suite, results, cache).wait(timeout=600) == 0
    assert interrupted >= 1
    assert bits(results) == bits(tmp_path / "calm")
    assert not any(results.glob("checkpoints/*.safetensors"))
    records = list(DirectoryStore(results))
    assert max(record.provenance.interruptions for record in records) >= 1
