"""A law that gives no verdict: ended with a sentence, whatever its thread waits for."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nnarena.check import Law, Verdict, Watchdog
from nnarena.check.run import _judged


SLEEPER = '''
import time
import nnarena

@nnarena.TASKS.register("sleeper", family="test", source="a test")
class Sleeper(nnarena.AbstractTask):
    """A task that is never done."""

    @property
    def signature(self):
        time.sleep(600.0)

    scoring = splits = example = signature
'''


def test_a_law_that_sleeps_gets_its_verdict_from_another_thread():
    told, woken = [], threading.Event()

    def end(verdict: Verdict) -> None:
        told.append(verdict)
        woken.set()

    sleeps = Law("sleeps", "it wakes up by itself", lambda case: case.wait(60.0))
    found = list(_judged([sleeps], woken, Watchdog(0.05, end)))
    assert [verdict.law for verdict in told] == ["sleeps"]
    assert told[0].passed is False
    assert told[0].detail.startswith("expected a verdict within 0.05 s, but there is")
    assert found[0].seconds < 60.0


def test_a_law_that_ends_in_time_is_left_alone():
    told = []
    quick = Law("quick", "it ends at once", lambda case: None)
    found = list(_judged([quick] * 3, None, Watchdog(0.2, told.append)))
    threading.Event().wait(0.4)
    assert [verdict.passed for verdict in found] == [True] * 3
    assert told == []


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_ends_with_the_sentence(tmp_path: Path, as_json: bool):
    file = tmp_path / "sleeper.py"
    file.write_text(SLEEPER)
    words = ["check", str(file), "--law-timeout", "1", *["--json"] * as_json]
    done = subprocess.run(
        [sys.executable, "-c", "from nnarena.cli import app; app()", *words],
        timeout=120,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    if as_json:
        last = json.loads(done.stdout)[-1]
        assert (last["entrant"], last["passed"]) == ("sleeper", False)
        assert "within 1 s" in last["detail"]
    else:
        assert done.stdout.splitlines()[-1].startswith("sleeper: ")
        assert "expected a verdict within 1 s" in done.stderr
