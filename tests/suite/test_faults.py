"""Faults in this process: what is lost, what is said, and that no bit changes.

`docs/faults.md` lists them; tests with worker processes are in `test_pool.py`.
"""

import dataclasses
import errno
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.suite.bits import bits_of

import nnarena
from nnarena.core.problems import StoreProblem
from nnarena.models import MODELS
from nnarena.runs.record import SCHEMA, to_json
from nnarena.runs.store import DirectoryStore, open_store
from nnarena.runs.survey import survey
from nnarena.suite import ledger, provenance, runner, session as sessions
from nnarena.suite.config import SuiteProblem
from nnarena.suite.events import Event
from nnarena.suite.executors import InProcess
from nnarena.suite.limits import Limits
from nnarena.suite.programs import Programs
from nnarena.suite.session import Session, open_session


@pytest.fixture(scope="module")
def programs() -> Programs:
    """What the tests of this file compile, once for all of them."""
    return Programs(provenance.data_folder())


@pytest.fixture
def session(tiny_suite, tmp_path, monkeypatch, programs) -> Session:
    """Two runs of five checks, with a checkpoint after each."""
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(runner, "Programs", lambda _: programs)
    return open_session(tiny_suite, tmp_path / "results")


def folder_of(session: Session) -> Path:
    return Path(session.results)


def run_until(session: Session, checks: int) -> None:
    """Runs in this process and drops everything after so many checks."""
    seen = 0
    for event in session.run(workers=0):
        seen += event.kind == "check"
        if seen == checks:
            return


def kinds(events: list[Event], *wanted: str) -> list[str]:
    return [event.kind for event in events if event.kind in wanted]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    """The last bit of the last number is another."""
    return content[:-1] + bytes([content[-1] ^ 1])


def emptied(content: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [cut, flipped, emptied])
def test_a_damaged_checkpoint_is_set_aside_and_the_run_begins_anew(
    session, calm, damage: Callable[[bytes], bytes]
):
    run_until(session, checks=3)
    (checkpoint,) = (folder_of(session) / "checkpoints").iterdir()
    damaged = damage(checkpoint.read_bytes())
    checkpoint.write_bytes(damaged)
    events = list(session.run(workers=0))
    (note,) = [event.text for event in events if event.kind == "note"]
    (aside,) = (folder_of(session) / "set-aside").iterdir()
    assert str(aside) in note
    assert aside.read_bytes() == damaged
    assert bits_of(session.store) == calm
    assert all(record.provenance.interruptions == 0 for record in session.store)


def test_a_checkpoint_of_another_run_is_set_aside(session, calm):
    run_until(session, checks=3)
    (checkpoint,) = (folder_of(session) / "checkpoints").iterdir()
    for job in session.jobs:
        other = checkpoint.with_name(f"{job.key}.safetensors")
        other.write_bytes(checkpoint.read_bytes())
    # The first is its own, the second fits in shape: told apart by nothing but its key.
    events = list(session.run(workers=0))
    assert kinds(events, "note", "done") == ["done", "note", "done"]
    assert bits_of(session.store) == calm


def test_a_cut_record_is_set_aside_and_done_again(session, calm):
    list(session.run(workers=0))
    store = session.store
    lost, kept = (job.key for job in session.jobs)
    path = folder_of(session) / "records" / f"{lost}.json"
    damaged = cut(path.read_bytes())
    path.write_bytes(damaged)
    assert [record.key for record in store] == [kept], "a finished record is lost"
    assert [job.key for job in session.pending] == [lost]
    events = list(session.run(workers=0))
    assert kinds(events, "note", "done") == ["note", "done"]
    (aside,) = (folder_of(session) / "set-aside").iterdir()
    assert aside.read_bytes() == damaged
    assert bits_of(session.store) == calm


def test_a_newer_package_s_record_stays_and_ends_all_before_any_work(session, calm):
    list(session.run(workers=0))
    path = folder_of(session) / "records" / f"{session.jobs[0].key}.json"
    content = {**json.loads(path.read_text()), "schema_version": SCHEMA + 1}
    path.write_text(json.dumps(content))
    with pytest.raises(StoreProblem, match="update the package"):
        list(session.run(workers=0))
    assert json.loads(path.read_text()) == content
    assert not (folder_of(session) / "set-aside").exists()


def test_a_record_that_cannot_be_read_is_not_done_again(session, calm, monkeypatch):
    list(session.run(workers=0))
    read = Path.read_bytes

    def refuse(path):
        if path.match("records/*.json"):
            raise PermissionError(errno.EACCES, "as a test wants it", str(path))
        return read(path)

    with monkeypatch.context() as closed:
        closed.setattr(Path, "read_bytes", refuse)
        with pytest.raises(StoreProblem, match="cannot be read: as a test wants"):
            list(session.run(workers=0))
    assert not (folder_of(session) / "set-aside").exists()
    assert bits_of(session.store) == calm


def failing(monkeypatch, kinds_of_file: tuple[str, ...], number: int) -> None:
    """Lets the writing of some kinds of files fail as the system would."""
    write = DirectoryStore._write

    def refuse(self, name: str, content: bytes) -> None:
        if name.startswith(kinds_of_file):
            raise OSError(number, "as a test wants it", name)
        write(self, name, content)

    monkeypatch.setattr(DirectoryStore, "_write", refuse)


def test_no_room_for_checkpoints_costs_safety_not_the_run(session, calm, monkeypatch):
    failing(monkeypatch, ("checkpoints", "progress"), errno.ENOSPC)
    events = list(session.run(workers=0))
    (note,) = [event.text for event in events if event.kind == "note"]
    assert "no checkpoint could be written" in note
    assert bits_of(session.store) == calm


@pytest.mark.parametrize("kind", ["weights", "history", "records"])
def test_no_room_for_a_record_ends_all_and_loses_nothing(
    session, calm, monkeypatch, kind
):
    events = session.run(workers=0)
    first = next(event for event in events if event.kind == "done")
    with monkeypatch.context() as full:
        failing(full, (kind,), errno.ENOSPC)
        with pytest.raises(StoreProblem, match="give the same command again"):
            list(events)
    assert [record.key for record in session.store] == [first.key]
    assert not list(folder_of(session).rglob("*.part"))
    list(session.run(workers=0))
    assert bits_of(session.store) == calm
    second = next(record for record in session.store if record.key != first.key)
    assert second.provenance.interruptions == 1, "the checkpoint was lost"


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(
    session, monkeypatch, number
):
    failing(monkeypatch, ("",), number)
    with pytest.raises(StoreProblem, match="the results folder cannot be written"):
        next(session.run(workers=0))


def test_a_run_in_another_hand_is_left_alone(session):
    mine, others = session.jobs
    claim = session.store.claim(others.key)
    events = list(InProcess(session.results).run(session.jobs))
    ends = [(e.key, e.kind) for e in events if e.kind in ("done", "elsewhere")]
    assert ends == [(mine.key, "done"), (others.key, "elsewhere")]
    claim.release()


def test_beside_others_a_seed_in_another_hand_is_left_alone(session):
    claim = session.store.claim(session.jobs[0].key)
    executor = InProcess(session.results, axes=True)
    assert kinds(list(executor.run(session.jobs)), "done", "elsewhere") == [
        "elsewhere",
        "done",
    ]
    claim.release()


def waiting(session: Session, claim) -> Iterator[Event]:
    """Runs a session and lets go of a claim when it is waited for."""
    for event in session.run(workers=0):
        if event.kind == "note" and "another process" in event.text:
            claim.release()
        yield event


def test_what_another_process_gives_up_is_done_in_the_end(session, calm, monkeypatch):
    monkeypatch.setattr(sessions, "POLL_SECONDS", 0.0)
    claim = session.store.claim(session.jobs[0].key)
    events = list(waiting(session, claim))
    assert kinds(events, "note", "done") == ["done", "note", "done"]
    assert bits_of(session.store) == calm


def test_what_another_process_finishes_is_not_done_twice(session, calm, undisturbed):
    claim = session.store.claim(session.jobs[0].key)
    events = []
    for event in session.run(workers=0):
        events.append(event)
        if event.kind == "note":  # the other one comes to its end
            theirs, key = DirectoryStore(undisturbed), session.jobs[0].key
            record = next(record for record in theirs if record.key == key)
            history = theirs.history(key)
            assert history is not None
            session.store.put(record, history, theirs.weights(key))
            claim.release()
    assert events[-1].text == "finished by another process"
    assert kinds(events, "started") == ["started"]
    assert bits_of(session.store) == calm


def test_a_clock_that_goes_backwards_decides_nothing(session, calm, monkeypatch):
    hours = itertools.count(23, -1)
    monkeypatch.setattr(ledger, "now", lambda: f"2026-03-01T{next(hours) % 24:02d}:00")
    run_until(session, checks=3)
    list(session.run(workers=0))
    assert bits_of(session.store) == calm
    for record in session.store:
        assert record.cost.run_seconds > 0
        assert record.provenance.finished_at < record.provenance.started_at
    assert session.pending == []


def test_a_changed_entrant_is_another_run_and_old_records_stay(
    session, calm, tiny_suite, monkeypatch
):
    list(session.run(workers=0))
    newer = dataclasses.replace(MODELS["elman"], version="2")
    monkeypatch.setitem(MODELS._entries, "elman", newer)
    changed = open_session(tiny_suite, session.results)
    assert not {job.key for job in changed.jobs} & {job.key for job in session.jobs}
    run_until(changed, checks=7)  # one is done, one is not
    (found,) = survey(changed.store)
    assert [len(found.of(state)) for state in ("done", "interrupted")] == [1, 1]
    assert {r.key for r in found.other_versions} == {job.key for job in session.jobs}
    assert calm.items() <= bits_of(session.store).items()
    board = nnarena.leaderboard(session.results)
    names = {standing.contender for standing in board.standings}
    assert names == {"elman (version=1)", "elman (version=2)"}


def test_a_run_over_its_time_fails_and_goes_on_when_it_is_given_more(session, calm):
    session = Session(session.jobs[:1], session.results)
    (job,) = session.jobs
    short = Limits(seconds=1e-9)
    events = list(InProcess(session.results, limits=short).run([job]))
    assert kinds(events, "check", "failed") == ["check", "failed"]
    assert events[-1].text.startswith("over its time limit: ")
    (record,) = session.store
    assert record.result.outcome == "failed"
    assert record.result.reason == events[-1].text
    assert record.result.steps == 4
    # What it took counts over all its interruptions: nothing is left to try.
    again = list(InProcess(session.results, limits=short).run([job]))
    assert kinds(again, "check", "failed") == ["failed"]
    list(session.run(workers=0))
    assert bits_of(session.store) == {job.key: calm[job.key]}
    assert next(iter(session.store)).cost.run_seconds > record.cost.run_seconds


def test_a_limit_that_is_kept_changes_no_bit(session, calm):
    list(InProcess(session.results, limits=Limits(seconds=3_600.0)).run(session.jobs))
    assert bits_of(session.store) == calm


def test_of_several_seeds_at_once_all_are_late_together(session):
    executor = InProcess(session.results, axes=True, limits=Limits(seconds=1e-9))
    events = list(executor.run(session.jobs))
    assert kinds(events, "done", "failed", "stopped") == ["failed", "failed"]


def test_a_memory_limit_needs_processes(session):
    with pytest.raises(SuiteProblem, match="--workers 1"):
        InProcess(session.results, limits=Limits(bytes=2**30))


@pytest.mark.parametrize("axes", [False, True])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_stop_ends_at_the_next_check_with_a_checkpoint(
    session, tmp_path, axes, after
):
    calm = tmp_path / "calm"
    list(InProcess(calm, axes=axes).run(session.jobs))
    executor = InProcess(session.results, axes=axes)
    seen = []
    for event in executor.run(session.jobs):
        seen.append(event)
        steps = {e.figures["step"] for e in seen if e.kind == "check"}
        if len(steps) == after:
            executor.stop()
    assert executor.stopping
    at_once = 2 if axes else 1
    assert [event.kind for event in seen[-at_once:]] == ["stopped"] * at_once
    kept = len(list((folder_of(session)).glob("checkpoints/*")))
    assert kept == (at_once if after else 0)
    list(InProcess(session.results, axes=axes).run(session.jobs))
    assert bits_of(session.store) == bits_of(open_store(calm))
    assert max(r.provenance.interruptions for r in session.store) == min(after, 1)


def test_after_a_stop_nothing_is_begun(session):
    executor = InProcess(session.results)
    executor.stop()
    assert list(session.run(executor=executor)) == []


def test_what_a_kill_left_of_a_run_that_is_done_is_removed(session, monkeypatch):
    """Between the record and the removal of its checkpoint."""
    with monkeypatch.context() as killed:
        killed.setattr(DirectoryStore, "forget", lambda self, key: None)
        list(session.run(workers=0))
    store = session.store
    assert len(store.keys("checkpoints")) == len(store.keys("progress")) == 2
    first = session.jobs[0]
    (event,) = InProcess(session.results).run([first])
    assert event.text == "finished by another process"
    assert first.key not in store.keys("checkpoints")
    assert list(session.run(workers=0)) == []
    assert store.keys("checkpoints") == store.keys("progress") == []


def test_a_failure_keeps_the_checkpoint_and_success_removes_it(session, make_failure):
    run_until(session, checks=3)
    (checkpoint,) = (folder_of(session) / "checkpoints").iterdir()
    make_failure(session, session.jobs[0])
    assert checkpoint.exists()
    list(session.run(workers=0))
    assert not checkpoint.exists()


@pytest.fixture
def make_failure():
    """The function that records a job as failed."""

    def fail(session: Session, job) -> None:
        account = ledger.Ledger(job, "test")
        record = account.record(account.failure("as a test wants it"))
        assert "as a test" in to_json(record)
        session.store.put(record, account.history(), {})

    return fail
