"""A worker process: `python -m nnarena.suite.worker SLOT RESULTS`.

RESULTS is the address of a store.

Reads jobs as lines of JSON from its input and writes events as lines of JSON to its
output, until the input ends. A parent that died shows as a closed pipe, at the latest
at the next check, and ends the worker too.
"""

import os
import sys

from ..runs.store import open_store
from . import provenance
from .plan import Job
from .runner import Runner, use_compilation_cache


def main(slot: int, results: str) -> None:
    """Does jobs until there are no more."""
    # Events own the real output; whatever an entrant prints goes to the log.
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    pin_to_core(slot)
    use_compilation_cache()

    runner = Runner(open_store(results), provenance.data_folder(), "worker process")
    for line in sys.stdin:
        for event in runner.run([Job.model_validate_json(line)]):
            try:
                print(event.model_dump_json(), file=events, flush=True)
            except BrokenPipeError:
                os._exit(1)  # the parent is gone; the checkpoint is on disk


def pin_to_core(slot: int) -> None:
    """Keeps this process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[slot % len(cores)]})


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
