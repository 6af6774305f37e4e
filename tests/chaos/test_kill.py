"""Workers and parents are killed at random until the matrix is done: no bit differs.

Who is killed when is drawn from a seed, and counted in checks rather than in seconds:
a process lives for so many checks, or is killed while it starts.
"""

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.suite.bits import bits

from nnarena.runs.progress import read_progress
from nnarena.runs.store import DirectoryStore


pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds children in /proc"),
]

KILLS = 50
CHECKS = 10

SUITE = f"""
models = ["elman", "gru"]
tasks = [{{ name = "add", length = 10 }}]
seeds = 30
width = 8
plugins = ["eager.py"]

[trainer]
steps = 1_000
checks = {CHECKS}
"""

EAGER = """
from nnarena.suite import runner
runner.CHECKPOINT_SECONDS = 0.0
"""


def start(folder: Path, results: Path) -> subprocess.Popen:
    """Starts `arena run` on the matrix, with a cache of programs of its own."""
    words = ["run", str(folder / "suite.toml"), "--results", str(results), "-w", "2"]
    with (folder / f"{results.name}.txt").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-c", "from nnarena.cli import app; app()", *words],
            env={**os.environ, "NNARENA_CACHE": str(folder / "cache")},
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )


def children(parent: subprocess.Popen) -> list[int]:
    """Returns the workers that a parent has."""
    try:
        listed = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text()
    except OSError:
        return []
    return [int(pid) for pid in listed.split()]


@dataclass
class Reaper:
    """Lets workers live for some checks, kills a parent now and then, and counts."""

    store: DirectoryStore
    chance: random.Random
    kills: int = 0
    checks_left: dict[int, int] = field(default_factory=dict)
    seen: set[tuple[int, str, float]] = field(default_factory=set)

    def watch(self, parent: subprocess.Popen) -> None:
        """Kills until the parent has ended, in whatever way, or enough were killed."""
        while self.kills < KILLS and parent.poll() is None:
            self.count_checks()
            for worker in children(parent):
                if self.checks_left.setdefault(worker, self.draw()) > 0:
                    continue
                whom = self.chance.random()
                if whom < 0.04:
                    self.kill(parent.pid)  # its workers find out by themselves
                elif whom < 0.12:
                    for pid in (parent.pid, *children(parent)):  # a power cut
                        self.kill(pid)
                else:
                    self.kill(worker)
                    self.checks_left[worker] = CHECKS**9  # it is dead
            time.sleep(0.005)

    def draw(self) -> int:
        """Returns how many checks a worker may live to see; none: it dies at birth."""
        return 0 if self.chance.random() < 0.1 else self.chance.randint(1, CHECKS)

    def count_checks(self) -> None:
        """Takes the checks that were told since the last look from who told them."""
        for key in self.store.keys("progress"):
            told = read_progress(self.store, key)
            if told is None or (told.process, key, told.step) in self.seen:
                continue
            self.seen.add((told.process, key, told.step))
            if told.process in self.checks_left and told.step > 0:
                self.checks_left[told.process] -= 1

    def kill(self, pid: int) -> None:
        """Kills a process as hard as can be."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.kills += 1


def test_a_matrix_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    (tmp_path / "suite.toml").write_text(SUITE)
    (tmp_path / "eager.py").write_text(EAGER)
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    assert start(tmp_path, calm).wait(timeout=900) == 0
    reaper = Reaper(DirectoryStore(wild), random.Random(0))
    done: set[str] = set()
    for life in itertools.count():
        parent = start(tmp_path, wild)
        reaper.watch(parent)
        code = parent.wait(timeout=900)
        now = {r.key for r in reaper.store if r.result.outcome == "finished"}
        assert done <= now, "what was finished is lost"
        done = now
        # 1: runs at which workers died three times; the next life tries them again.
        assert code in (0, 1, -signal.SIGKILL), (tmp_path / "wild.txt").read_text()
        assert life < 3 * KILLS
        if code == 0:
            break
    assert reaper.kills >= KILLS, "the matrix was done too soon"
    assert len(done) == 60
    assert bits(wild) == bits(calm)
    assert max(record.provenance.interruptions for record in reaper.store) >= 1
    assert not reaper.store.claimed()
    for folder in ("checkpoints", "progress", "set-aside"):
        assert not list(wild.glob(f"{folder}/*.*")), f"{folder} is not empty"
