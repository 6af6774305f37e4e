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
from tests.suite.bits import bits_of

from nnarena.runs.progress import read_progress
from nnarena.runs.store import DirectoryStore


pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds children in /proc"),
]

KILLS = 50
CHECKS = 10
STEPS_PER_CHECK = 100

SUITE = f"""
models = ["elman", "gru"]
tasks = [{{ name = "add", length = 10 }}]
seeds = 30
width = 8
plugins = ["eager.py"]

[trainer]
steps = {CHECKS * STEPS_PER_CHECK}
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
    strikes: int = 0
    kills: int = 0
    spans: dict[int, int] = field(default_factory=dict)
    lived: dict[int, dict[str, int]] = field(default_factory=dict)

    def watch(self, parent: subprocess.Popen) -> None:
        """Kills until the parent has ended, in whatever way, or enough were killed."""
        while self.kills < KILLS and parent.poll() is None:
            self.count_checks()
            for worker in children(parent):
                if self.spans.setdefault(worker, self.draw()) > self.age(worker):
                    continue
                self.strike(parent, worker)
            time.sleep(0.005)

    def strike(self, parent: subprocess.Popen, worker: int) -> None:
        """Kills a worker, or every sixth time its parent, alone or with all workers."""
        self.strikes += 1
        self.spans[worker] = CHECKS**9  # it is dead
        if self.strikes % 12 == 6:
            self.kill(parent.pid)  # its workers find out by themselves
        elif self.strikes % 12 == 0:
            for pid in (parent.pid, *children(parent)):  # a power cut
                self.kill(pid)
        else:
            self.kill(worker)

    def draw(self) -> int:
        """Returns how many checks a worker may live to see; none: it dies at birth."""
        return 0 if self.chance.random() < 0.1 else self.chance.randint(1, 2 * CHECKS)

    def count_checks(self) -> None:
        """Notes how far each worker has come with each of its runs."""
        under_way = set(self.store.keys("progress"))
        for runs in self.lived.values():
            runs.update(dict.fromkeys(runs.keys() - under_way, CHECKS))  # done
        for key in under_way:
            told = read_progress(self.store, key)
            if told is not None:
                checks = int(told.step) // STEPS_PER_CHECK
                self.lived.setdefault(told.process, {})[key] = checks

    def age(self, worker: int) -> int:
        """Returns how many checks a worker has seen; those before its birth count."""
        return sum(self.lived.get(worker, {}).values())

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
    assert bits_of(DirectoryStore(wild)) == bits_of(DirectoryStore(calm))
    assert max(record.provenance.interruptions for record in reaper.store) >= 1
    assert not reaper.store.claimed()
    for kind in ("checkpoints", "progress"):
        assert reaper.store.keys(kind) == [], f"{kind} of runs that are done"
    assert not (wild / "set-aside").exists(), "something was damaged"
