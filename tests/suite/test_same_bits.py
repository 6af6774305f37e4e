"""The same key gives the same bits, whoever does the run, where, and after what.

A way of doing a plan is a function from a session and a free folder to the store that
it filled. Another executor is one entry in `WAYS`.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.suite.bits import Bits, bits_of

from nnarena.runs.merge import merge
from nnarena.runs.store import AbstractStore, open_store
from nnarena.suite import runner
from nnarena.suite.config import parse_suite
from nnarena.suite.executors import InProcess
from nnarena.suite.pool import WorkerPool
from nnarena.suite.session import Session, open_session
from nnarena.suite.shard import Shard


SUITE = {
    "name": "bits",
    "models": ["elman", "gru"],
    "tasks": [{"name": "add", "length": 6}],
    "seeds": 3,
    "width": 4,
    "trainer": {"steps": 12, "batch": 4, "checks": 3},
}


def in_process(session: Session, folder: Path) -> AbstractStore:
    """One process, the jobs in the order of the plan."""
    list(InProcess(folder / "here").run(session.jobs))
    return open_store(folder / "here")


def backwards(session: Session, folder: Path) -> AbstractStore:
    """The same process, the jobs from the last to the first."""
    list(InProcess(folder / "backwards").run(session.jobs[::-1]))
    return open_store(folder / "backwards")


def pool_of_two(session: Session, folder: Path) -> AbstractStore:
    """Two worker processes."""
    list(WorkerPool(folder / "pool", 2).run(session.jobs))
    return open_store(folder / "pool")


def shards_merged(session: Session, folder: Path) -> AbstractStore:
    """Four machines that do not know of each other, and one that merges."""
    parts = [
        replace(session, jobs=Shard(i, 4).of(session.jobs), results=folder / f"part{i}")
        for i in (1, 2, 3, 4)
    ]
    for part in parts:
        list(part.run(workers=0))
    into = open_store(folder / "merged")
    met = list(merge([part.store for part in parts], into))
    assert [run.fate for run in met] == ["added"] * len(session.jobs)
    return into


def stopped_and_resumed(session: Session, folder: Path) -> AbstractStore:
    """Broken off at every second check, and taken up from the checkpoint."""
    again = replace(session, results=folder / "resumed")
    while again.pending:
        _break_off(again)
    return again.store


def _break_off(session: Session) -> None:
    """Runs on to the second check from here: the first is then in a checkpoint."""
    checks = 0
    for event in session.run(workers=0):
        checks += event.kind == "check"
        if checks == 2:
            break


WAYS: dict[str, Callable[[Session, Path], AbstractStore]] = {
    way.__name__: way
    for way in (backwards, pool_of_two, shards_merged, stopped_and_resumed)
}


@pytest.fixture(autouse=True)
def _checkpoint_at_every_check(monkeypatch):
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)


@pytest.fixture(scope="module")
def session() -> Session:
    return open_session(parse_suite(SUITE, "bits"), "nowhere")


@pytest.fixture(scope="module")
def reference(session, tmp_path_factory) -> Bits:
    """What one process comes to."""
    return bits_of(in_process(session, tmp_path_factory.mktemp("reference")))


def test_the_runs_differ_from_each_other(reference):
    """Or it would prove nothing that they are the same elsewhere."""
    assert len(reference) == 6
    assert len({weights for *_, weights in reference.values()}) == 6
    assert len({result.test_loss for _, result, *_ in reference.values()}) == 6
    assert all(None not in bits for bits in reference.values())


@pytest.mark.parametrize("way", WAYS)
def test_every_way_comes_to_the_same_bits(way, session, reference, tmp_path):
    assert bits_of(WAYS[way](session, tmp_path)) == reference


def test_so_does_a_bucket_filled_by_workers(session, reference, tmp_path, bucket):
    """One run is broken off here, and taken up by a worker from the bucket."""
    away = replace(session, results=f"{bucket}/results")
    _break_off(away)
    assert len(away.store.keys("checkpoints")) == 1
    list(away.run(workers=2))
    assert bits_of(away.store) == reference
    assert away.store.keys("checkpoints") == []
    taken_up = [record for record in away.store if record.provenance.interruptions]
    assert len(taken_up) == 1
    here = open_store(tmp_path / "here")
    assert {run.fate for run in merge([away.store], here)} == {"added"}
    assert bits_of(here) == reference
