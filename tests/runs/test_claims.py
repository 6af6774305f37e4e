"""A run is in one hand at a time, and in none when its owner is gone."""

import errno
import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nnarena.runs import claims
from nnarena.runs.claims import is_claimed, take


OWNER = """
import sys, time
from pathlib import Path
from nnarena.runs.claims import take
print("mine" if take(Path(sys.argv[1])) else "not mine", flush=True)
time.sleep(600)
"""


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(claims, "PATIENCE", 0.05)
    return tmp_path / "claims" / "abc.lock"


def test_one_at_a_time(path):
    assert not is_claimed(path)
    first = take(path)
    assert first is not None
    assert is_claimed(path)
    assert take(path) is None
    first.release()
    first.release()
    assert not is_claimed(path)
    assert list(path.parent.iterdir()) == [], "a claim left its file behind"
    second = take(path)
    assert second is not None
    second.release()


def test_a_killed_owner_lets_go(path):
    words = [sys.executable, "-c", OWNER, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "mine\n"
        assert is_claimed(path)
        assert take(path) is None
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert path.exists()
        assert not is_claimed(path)
        claim = take(path)
        assert claim is not None
        claim.release()


def test_to_look_is_not_to_take(path):
    claim = take(path)
    assert claim is not None
    for _ in range(3):
        assert is_claimed(path)
    claim.release()
    assert not is_claimed(path)
    assert not path.exists(), "looking made a file"


def test_a_lock_on_a_file_that_was_removed_is_no_claim(path, monkeypatch):
    """Between opening and locking, the last owner may have removed the file."""
    real, removed = fcntl.flock, []

    def flock(descriptor, kind):
        if not removed:
            removed.append(path.unlink())
        real(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", flock)
    claim = take(path)
    assert claim is not None
    assert path.exists()
    assert is_claimed(path)
    claim.release()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EINVAL])
def test_a_file_system_without_locks_grants_every_claim(path, monkeypatch, number):
    def flock(descriptor, kind):
        raise OSError(number, "no locks here")

    monkeypatch.setattr(fcntl, "flock", flock)
    first, second = take(path), take(path)
    assert first is not None
    assert second is not None
    assert not is_claimed(path)
    first.release()
    second.release()
