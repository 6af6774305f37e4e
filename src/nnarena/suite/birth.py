"""What the environment of a process must hold before it starts to compute fast."""

import os
from collections.abc import Mapping


ONE_THREAD = {
    # Steps this small do not use a second thread.
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "NPROC": "1",
    "OMP_NUM_THREADS": "1",
}

KEPT_MEMORY = {
    # glibc gives the scan's buffers back to the kernel after every step and faults
    # them in again; kept, they are there for the next step.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "2147483647",
    "MALLOC_TOP_PAD_": "268435456",
}


def birth_environment(
    given: Mapping[str, str] = os.environ, *, threads: bool = False
) -> dict[str, str]:
    """Returns an environment with these settings; `threads` has one per core.

    XLA's flags that are given stay, before ours.
    """
    many = {"NPROC": str(os.cpu_count() or 1)}
    ours = {**(many if threads else ONE_THREAD), **KEPT_MEMORY}
    return {**given, **with_flags_of(given, ours)}


def with_flags_of(
    given: Mapping[str, str], settings: Mapping[str, str]
) -> dict[str, str]:
    """Returns settings with XLA's flags of an environment before their own."""
    flags = [given.get("XLA_FLAGS", ""), settings.get("XLA_FLAGS", "")]
    return {**settings, "XLA_FLAGS": " ".join(flags).strip()}
