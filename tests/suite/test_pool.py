"""Worker processes that die, hang, swell or are told to stop, and who pays for it."""

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st
from tests.suite.bits import bits_of

from nnarena.suite import pool, runner, worker_process
from nnarena.suite.config import Suite
from nnarena.suite.events import Event
from nnarena.suite.executors import InProcess
from nnarena.suite.limits import Limits
from nnarena.suite.pool import WorkerPool, log_tail
from nnarena.suite.session import Session, open_session
from nnarena.suite.worker_process import WorkerProcess


ACTING = """
import os, signal, sys, time
from pathlib import Path
from nnarena.suite import runner

runner.CHECKPOINT_SECONDS = 0.0
save, stop, told, parent = runner.save_checkpoint, runner.Runner.stop, [], os.getppid()

def save_and_act(store, ledger, arrays):
    save(store, ledger, arrays)
    mark = Path(__file__).with_name(f"{{ledger.job.key}}-{{ledger.advances}}")
    due = ledger.job.identity.seed == 0 and ledger.advances in {checks}
    if due and "nnarena.suite.worker" in sys.orig_argv and not mark.exists():
        mark.touch()
        {act}

def stop_and_tell(self):
    told.append(True)
    stop(self)

runner.save_checkpoint, runner.Runner.stop = save_and_act, stop_and_tell
"""

CELL = """
import os, signal, sys, time
import jax, numpy
from nnarena import MODELS, AbstractCell

def hang(_):
    time.sleep(600)

@MODELS.register("{name}", family="test", source="nowhere")
class Cell(AbstractCell):
    hidden_size: int
    def __init__(self, features, hidden, *, key):
        self.hidden_size = hidden
    def init_state(self):
        return jax.numpy.zeros(self.hidden_size)
    def __call__(self, state, x, dt):
        if {there}:
            {act}
        return state, state
"""

IN_WORKER = '"nnarena.suite.worker" in sys.orig_argv'


def plugin(folder: Path, name: str, act: str) -> str:
    """Writes a contender that does something odd in a worker; returns its file."""
    path = folder / f"{name}.py"
    path.write_text(CELL.format(name=name, there=IN_WORKER, act=act))
    return str(path)


def session_of(suite: Suite, folder: Path, *plugins: str, **changes) -> Session:
    import nnarena

    assert nnarena.MODELS
    from nnarena.core.plugins import import_file
    from nnarena.suite.config import parse_suite

    for file in plugins:
        import_file(file)
    content = {"name": "odd", **suite.model_dump(exclude_none=True), **changes}
    return open_session(parse_suite(content, "odd"), folder / "out", plugins=plugins)


@pytest.fixture
def acting(tiny_suite, tmp_path, monkeypatch):
    """The function that makes a session whose first run does something at checks.

    It does so in a worker, once per check, after its checkpoint was written.
    """
    for owner, name in (
        (runner, "CHECKPOINT_SECONDS"),
        (runner, "save_checkpoint"),
        (runner.Runner, "stop"),
    ):  # put back after the test
        monkeypatch.setattr(owner, name, getattr(owner, name))

    def make(act: str, *checks: int) -> Session:
        file = tmp_path / "acting.py"
        file.write_text(ACTING.format(act=act, checks=checks))
        return session_of(tiny_suite, tmp_path, str(file))

    return make


def texts(events: list[Event], kind: str) -> list[str]:
    return [event.text for event in events if event.kind == kind]


def test_a_killed_worker_costs_a_check_and_not_a_bit(acting, calm):
    session = acting("os.kill(os.getpid(), signal.SIGKILL)", 1, 3)
    events = list(WorkerPool(session.results, 1).run(session.jobs))
    first, second = texts(events, "note")
    assert "signal 9 (SIGKILL" in first
    assert "death 1 of at most 3" in first
    assert "death 2 of at most 3" in second
    starts = [e.figures["step"] for e in events if e.kind == "started"]
    assert starts == [0, 4, 12, 0]  # of four steps a check; the last is its sibling
    assert texts(events, "done") == ["finished", "finished"]
    assert bits_of(session.store) == calm
    counts = {r.identity.seed: r.provenance.interruptions for r in session.store}
    assert counts == {0: 2, 1: 0}


def test_three_deaths_fail_a_run_and_no_other(tiny_suite, tmp_path):
    act = "print('so it ends'); os.kill(os.getpid(), signal.SIGSEGV)"
    file = plugin(tmp_path, "deadly", act)
    models = [{"name": "deadly"}, {"name": "elman"}]
    session = session_of(tiny_suite, tmp_path, file, models=models, seeds=[0])
    events = list(WorkerPool(session.results, 1).run(session.jobs))
    assert len(texts(events, "note")) == 2
    assert texts(events, "done") == ["finished"]
    (reason,) = texts(events, "failed")
    assert "died 3 times, at last it was killed by signal 11 (SIGSEGV)" in reason
    failed = next(r for r in session.store if r.result.outcome == "failed")
    assert failed.result.reason == reason
    log = session.store.text("logs", failed.key) or ""
    assert log.count("so it ends") == 3
    assert log.count("Segmentation fault") == 3, "Python did not say where it was"
    assert log_tail(log) in reason
    assert [job.identity.model.name for job in session.pending] == ["deadly"]


def test_what_is_said_goes_to_the_log_of_its_run(tiny_suite, tmp_path):
    act = "print('to whom it may concern'); os.write(2, b'from below\\n')"
    file = plugin(tmp_path, "talker", act)
    models = [{"name": "talker"}, {"name": "elman"}]
    session = session_of(tiny_suite, tmp_path, file, models=models, seeds=[0])
    list(WorkerPool(session.results, 1).run(session.jobs))
    talker, elman = session.jobs
    log = session.store.text("logs", talker.key) or ""
    assert "to whom it may concern" in log
    assert "from below" in log
    assert session.store.text("logs", elman.key) is None


def test_a_check_that_hangs_is_ended_by_the_time_limit(
    tiny_suite, tmp_path, monkeypatch
):
    monkeypatch.setattr(pool, "SLACK_SECONDS", 0.0)
    file = plugin(tmp_path, "hanging", "jax.debug.callback(hang, x)")
    session = session_of(
        tiny_suite, tmp_path, file, models=[{"name": "hanging"}], seeds=[0]
    )
    executor = WorkerPool(session.results, 1, Limits(seconds=0.5))
    (reason,) = texts(list(executor.run(session.jobs)), "failed")
    assert reason.startswith("over its time limit: ")
    assert reason.endswith("within a check")
    (record,) = session.store
    assert record.result.outcome == "failed"


def test_a_program_that_is_never_ready_is_ended_too(tiny_suite, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "PREPARE_SECONDS", 0.0)
    file = plugin(tmp_path, "dreaming", "hang(x)")
    session = session_of(
        tiny_suite, tmp_path, file, models=[{"name": "dreaming"}], seeds=[0]
    )
    executor = WorkerPool(session.results, 1, Limits(seconds=1.0))
    (reason,) = texts(list(executor.run(session.jobs)), "failed")
    assert "its program was not ready after" in reason


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_is_held_against_the_run_that_took_it(tiny_suite, tmp_path):
    act = "held = numpy.ones(2**27); hang(held)"  # 1 GiB
    file = plugin(tmp_path, "greedy", act)
    models = [{"name": "elman"}, {"name": "greedy"}]
    session = session_of(tiny_suite, tmp_path, file, models=models, seeds=[0])
    executor = WorkerPool(session.results, 1, Limits(bytes=2**30))
    events = list(executor.run(session.jobs))
    # Its first process had done another run before, which may have left something.
    (note,) = texts(events, "note")
    assert "tried again in a new process" in note
    (reason,) = texts(events, "failed")
    assert reason.startswith("over its memory limit: ")
    assert reason.endswith("of 1,024 MiB")
    assert texts(events, "done") == ["finished"]


def test_what_a_slow_listener_has_not_heard_is_held_against_nobody(
    tiny_suite, tmp_path, calm, monkeypatch
):
    """The run is over, and its end lies in the inbox, when the hours have gone by."""
    seconds = [0.0]
    clock = SimpleNamespace(monotonic=lambda: seconds[0])
    monkeypatch.setattr(worker_process, "time", clock)
    session = session_of(tiny_suite, tmp_path)
    executor = WorkerPool(session.results, 1, Limits(seconds=3_600.0))
    events = []
    for event in executor.run(session.jobs):
        events.append(event)
        if len(events) == 1:
            while executor._inbox.qsize() < 6:  # five checks and the end
                time.sleep(0.01)
            seconds[0] = 7_200.0
    assert not texts(events, "note")
    assert texts(events, "done") == ["finished", "finished"]
    assert bits_of(session.store) == calm


def test_a_verdict_on_a_run_that_is_over_is_not_the_next_one_s(
    tiny_suite, tmp_path, calm, monkeypatch
):
    """Its end was still in the pipe when its worker was killed over it."""
    session = session_of(tiny_suite, tmp_path)
    give = WorkerProcess.give

    def condemn_and_give(self, job):
        if self.job is not None and self.jobs == 1 and job is session.jobs[1]:
            self.sentence("over its memory limit")
        give(self, job)

    monkeypatch.setattr(WorkerProcess, "give", condemn_and_give)
    events = list(WorkerPool(session.results, 1).run(session.jobs))
    (note,) = texts(events, "note")
    assert "death 1 of at most 3" in note
    assert texts(events, "done") == ["finished", "finished"]
    assert bits_of(session.store) == calm


def test_a_stop_lets_the_check_in_hand_come_to_its_end(acting, calm):
    session = acting("while not told: time.sleep(0.01)", 2)
    executor = WorkerPool(session.results, 1)
    events = []
    for event in executor.run(session.jobs):
        events.append(event)
        if event.kind == "check" and event.figures["step"] == 8:
            executor.stop()
    assert [event.kind for event in events] == ["started", "check", "check", "stopped"]
    assert {event.key for event in events} == {session.jobs[0].key}
    (kept,) = (Path(session.results) / "checkpoints").iterdir()
    assert kept.stem == session.jobs[0].key
    after = list(InProcess(session.results).run(session.jobs))
    assert after[0].figures["step"] == 8, "a check was lost"
    assert bits_of(session.store) == calm


def test_a_worker_that_somebody_else_ends_is_replaced(acting, calm):
    session = acting("os.kill(os.getpid(), signal.SIGTERM)", 2)
    events = list(WorkerPool(session.results, 1).run(session.jobs))
    (note,) = texts(events, "note")
    assert "ended with exit code 0" in note
    assert "stopped" not in {event.kind for event in events}
    assert bits_of(session.store) == calm


DRIVER = """
import sys
from nnarena.suite.plan import Job
from nnarena.suite.pool import WorkerPool
jobs = [Job.model_validate_json(line) for line in sys.stdin]
for event in WorkerPool(sys.argv[1], 1).run(jobs):
    print(event.kind, flush=True)
"""


def test_a_worker_whose_parent_was_killed_ends_too(acting, calm):
    session = acting("while os.getppid() == parent: time.sleep(0.01)", 2)
    words = [sys.executable, "-c", DRIVER, str(session.results)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write("\n".join(job.model_dump_json() for job in session.jobs))
        parent.stdin.close()
        heard = [parent.stdout.readline().strip() for _ in range(3)]
        assert heard == ["started", "check", "check"]
        assert session.store.claimed() == {session.jobs[0].key}
        parent.kill()
    # The claim is the worker's: what it still does is not done by another meanwhile.
    list(session.run(executor=InProcess(session.results)))
    assert session.store.claimed() == set()
    assert bits_of(session.store) == calm


@given(st.text(max_size=2_000))
def test_the_tail_of_a_log_fits_into_a_sentence(log):
    tail = log_tail(log)
    assert 0 < len(tail) <= pool.TAIL_LETTERS
    assert "\n" not in tail


def test_the_tail_of_a_log_is_its_end():
    log = "--- 2026, process 1\n" + "\n".join(f"line {n}" for n in range(9)) + "\n\n"
    assert log_tail(log) == "line 4 | line 5 | line 6 | line 7 | line 8"
    assert log_tail("") == "it said nothing"
