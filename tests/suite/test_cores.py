"""Which core a worker is kept on, beside workers of other commands."""

import os
import platform
from pathlib import Path

import pytest

from nnarena.runs.claims import take
from nnarena.suite import provenance
from nnarena.suite.worker import pin_to_own_core


@pytest.fixture
def pinned(monkeypatch, tmp_path) -> list[set[int]]:
    """The cores that were chosen, on a machine that lends this process 2, 3 and 5."""
    chosen = []
    monkeypatch.setenv("NNARENA_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 5}, raising=False)
    monkeypatch.setattr(
        os, "sched_setaffinity", lambda _, cores: chosen.append(cores), raising=False
    )
    return chosen


def lock_of(core: int) -> Path:
    return provenance.cache_folder() / "cores" / f"{platform.node()}-{core}"


def test_workers_of_two_commands_get_cores_of_their_own(pinned):
    """Both begin with slot 0: the second takes the next core that nobody has."""
    claims = [pin_to_own_core(slot) for slot in (0, 0, 1)]
    assert pinned == [{2}, {3}, {5}]
    claims[1].release()
    pin_to_own_core(0).release()
    assert pinned[-1] == {3}


def test_where_all_are_taken_the_slot_s_own_is_shared(pinned):
    others = [take(lock_of(core)) for core in (2, 3, 5)]
    assert all(others)
    pin_to_own_core(4)
    assert pinned == [{3}]


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(pinned):
    lock_of(2).mkdir(parents=True)
    pin_to_own_core(0)
    assert pinned == [{2}]
