"""Ctrl-C and SIGTERM, once and twice."""

import os
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnarena.cli import app
from nnarena.cli.progress import Watch
from nnarena.cli.stopping import stoppable
from nnarena.runs.store import DirectoryStore
from nnarena.suite import runner


SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]

SUITE = """
models = ["elman"]
tasks = [{ name = "add", length = 6 }]
seeds = 2
width = 4

[trainer]
steps = 12
batch = 4
checks = 3
"""


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_once_asks_and_twice_insists(number, code):
    calls, usual = [], signal.getsignal(number)
    with stoppable(lambda: calls.append("stop")) as wish:
        os.kill(os.getpid(), number)
        assert calls == ["stop"]
        assert wish.exit_code == code
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert calls == ["stop"]
    assert signal.getsignal(number) is usual


@pytest.fixture
def suite(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("NNARENA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    return path


def signal_at_check(monkeypatch, *numbers: int) -> None:
    """Lets the process send itself signals, one after each check that it hears of."""
    see, left = Watch.see, list(numbers)

    def see_and_signal(self, event):
        see(self, event)
        if event.kind == "check" and left:
            os.kill(os.getpid(), left.pop(0))

    monkeypatch.setattr(Watch, "see", see_and_signal)


@pytest.mark.parametrize(
    ("number", "code", "workers"),
    [
        pytest.param(*sent, workers, marks=[] if first else pytest.mark.slow)
        for sent in SIGNALS
        for workers in ("0", "1")
        for first in [(sent, workers) == (SIGNALS[0], "1")]
    ],
)
def test_a_signal_ends_cleanly_and_the_same_command_goes_on(
    suite, tmp_path, monkeypatch, number, code, workers
):
    words = ["run", str(suite), "-r", str(tmp_path / "out"), "-w", workers]
    with monkeypatch.context() as signaled:
        signal_at_check(signaled, number)
        stopped = CliRunner().invoke(app, words)
    store = DirectoryStore(tmp_path / "out")
    if workers == "0":  # a worker may have come to its end before it was told
        assert stopped.exit_code == code, stopped.output
        assert "give the same command again" in stopped.output
        assert len(store.keys("checkpoints")) == 1
        assert list(store) == []
    assert store.claimed() == set()
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0, again.output
    assert {record.result.outcome for record in store} == {"finished"}
    interruptions = [record.provenance.interruptions for record in store]
    assert workers == "1" or sorted(interruptions) == [0, 1]


def test_a_second_signal_ends_at_once(suite, tmp_path, monkeypatch):
    """The first is not heeded, as by a check that does not come to its end."""
    monkeypatch.setattr(runner.Runner, "stop", lambda self: None)
    signal_at_check(monkeypatch, signal.SIGTERM, signal.SIGTERM)
    words = ["run", str(suite), "-r", str(tmp_path / "out"), "-w", "0"]
    stopped = CliRunner().invoke(app, words)
    assert stopped.exit_code == 143, stopped.output
    assert "give the same command again" in stopped.output
    assert DirectoryStore(tmp_path / "out").claimed() == set()
