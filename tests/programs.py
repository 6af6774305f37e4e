"""What runs compile, kept for the other tests of a process.

Most tests of suites and of commands run the same few jobs, for what happens around a
run, and compiling is nearly all that one costs. A program of a run keeps nothing from
one call to the next, so what another test compiled is what this one would. Worker
processes compile for themselves, and have to come to the same bits.
"""

from collections.abc import Callable, Sequence

import pytest

from nnarena.suite.plan import Job, assemble
from nnarena.suite.programs import Compiled, Programs


Compile = Callable[[Programs, Sequence[Job], bool], Compiled]

_kept: dict[tuple, Compiled] = {}


def share_programs() -> None:
    """Has every later run of this process look for its program here."""
    pytest.MonkeyPatch().setattr(Programs, "_compile", _shared(Programs._compile))


def drop_programs() -> None:
    """Forgets all that is kept."""
    _kept.clear()


def _shared(compile_: Compile) -> Compile:
    def compiled(self: Programs, jobs: Sequence[Job], trials_at_once: bool) -> Compiled:
        asked = _asked(self, jobs, trials_at_once)
        if asked not in _kept:
            _kept[asked] = compile_(self, jobs, trials_at_once)
        return _kept[asked]

    return compiled


def _asked(programs: Programs, jobs: Sequence[Job], trials_at_once: bool) -> tuple:
    """Returns all that a program depends on; names may be entered by other classes."""
    job = jobs[0]
    made = assemble(job)
    entered = made.contender.entry.make, type(made.task), type(made.trainer)
    form = job.program, len(jobs), trials_at_once
    return *form, entered, job.plugins, programs.data.root
