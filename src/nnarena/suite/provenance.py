"""Where a run happens: versions, hardware, commit, memory. Read only here."""

import functools
import importlib.metadata
import os
import platform
import re
import resource
import subprocess
import sys
from pathlib import Path

import jax
import pooch

from ..runs.store import DirectoryStore, open_store
from ..tasks.files import DataFolder


PACKAGES = ("neural-network-arena", "jax", "jaxlib", "equinox", "optax", "numpy")


def versions() -> dict[str, str]:
    """Returns the versions of Python and of what decides a run's numbers."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    if "torch" in sys.modules:  # a guest ran in this process
        found["torch"] = importlib.metadata.version("torch")
    return found


@functools.cache
def commit() -> str | None:
    """Returns the commit of the checkout that the package runs from, if any.

    A repository around an installed package, as around a virtual environment, is none:
    it does not track this file.
    """
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    return _git("describe", "--always", "--dirty", "--abbrev=12")


def _git(*words: str) -> str | None:
    """Returns what git says in this file's folder; None where it fails or is absent."""
    try:
        answer = subprocess.run(
            ["git", *words],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


@functools.cache
def hardware() -> dict[str, str | int]:
    """Returns what the machine is."""
    device = jax.devices()[0]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor_name(),
        "cores": os.cpu_count() or 1,  # of the machine: a worker is pinned to one
        "device": device.device_kind if device.platform != "cpu" else "cpu",
    }


def available_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def reset_peak_memory() -> None:
    """Lets Linux count peak memory from here on; elsewhere it counts from birth."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory() -> int:
    """Returns the peak resident memory of this process in bytes."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def resident_memory(process: int) -> int:
    """Returns the resident memory of a process in bytes; 0 where it is not known."""
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0  # it has ended
    except OSError:
        pass
    try:  # no Linux
        asked = ["ps", "-o", "rss=", "-p", str(process)]
        answer = subprocess.run(asked, capture_output=True, text=True, check=True)
        return int(answer.stdout) * 1024
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0


def device_bytes() -> int | None:
    """Returns the memory of an accelerator that programs may use, if it tells."""
    memory = jax.local_devices()[0].memory_stats()  # None on a CPU
    return None if memory is None else memory.get("bytes_limit")


def cache_folder() -> Path:
    """Returns the folder of the user's caches: downloads and compiled programs."""
    return Path(os.environ.get("NNARENA_CACHE") or pooch.os_cache("nnarena"))


def log_folder(results: str | Path) -> Path:
    """Returns where worker processes write what they say: a folder of this machine.

    In the folder of results; for a store elsewhere, in the user's cache.
    """
    store = open_store(results)
    if isinstance(store, DirectoryStore):
        return store.root / "logs"
    return cache_folder() / "logs" / re.sub(r"[^\w.-]+", "-", store.address)


def data_folder(*, downloads: bool = True) -> DataFolder:
    """Returns where real data is looked for: $NNARENA_DATA, then the user's cache.

    A relative $NNARENA_DATA counts from the working folder.
    """
    root = os.environ.get("NNARENA_DATA")
    return DataFolder(
        root=Path(root).expanduser().resolve() if root else None,
        cache=cache_folder() / "data",
        downloads=downloads,
    )
