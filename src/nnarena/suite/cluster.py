"""A Ray cluster: where it is, what every run asks of it, and the way to it."""

import contextlib
import logging
import math
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.problems import UserProblem
from . import provenance
from .birth import KEPT_MEMORY, ONE_THREAD, with_flags_of


LOCAL = "local"
"""The address of a cluster that is started here."""


TRIES = 3
"""The process by which a cluster serves a client dies now and then at its start."""


class ClusterProblem(UserProblem):
    """A cluster that cannot be reached, or cannot do what is asked of it."""


@dataclass(frozen=True)
class Cluster:
    """Where a Ray cluster is, and what every run asks of it.

    Attributes:
        address: HOST:PORT for a cluster that this machine is a node of,
            ray://HOST:PORT for any other, by Ray's client; "local" starts one on this
            machine for as long as the runs last.
        cores: processor cores of a run, and the threads that it computes with.
        gpus: GPUs of a run: whole ones, or a share of one. 0 computes on processors.
    """

    address: str = LOCAL
    cores: int = 1
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.cores < 1:
            raise ClusterProblem("a run needs a core at least")
        if self.gpus < 0 or (self.gpus > 1 and self.gpus != int(self.gpus)):
            raise ClusterProblem(
                f"a run cannot have {self.gpus:g} GPUs: ask for whole ones, or for a "
                "share between 0 and 1"
            )

    @property
    def name(self) -> str:
        """What it is called in messages."""
        place = "of this machine" if self.address == LOCAL else f"at {self.address}"
        return f"the Ray cluster {place}"

    @property
    def wish(self) -> str:
        """What a run asks for, in words."""
        cores = f"{self.cores} core{'s' if self.cores > 1 else ''}"
        gpus = f" and {self.gpus:g} GPU{'s' if self.gpus > 1 else ''}"
        return cores + (gpus if self.gpus else "")

    def room(self, nodes: Sequence[Mapping[str, Any]]) -> int:
        """Returns how many runs the living of the nodes have room for at once."""
        return sum(self._room(node["Resources"]) for node in nodes if node["Alive"])

    def _room(self, has: Mapping[str, float]) -> int:
        room = int(has.get("CPU", 0.0) // self.cores)
        if self.gpus == 0:
            return room
        whole = math.floor(has.get("GPU", 0.0))
        if self.gpus >= 1:
            return min(room, int(whole // self.gpus))
        return min(room, whole * math.floor(1 / self.gpus + 1e-9))

    def environment(self) -> dict[str, str]:
        """Returns what the environment of a run's process must hold at its birth."""
        settings = {**ONE_THREAD, **KEPT_MEMORY}
        if self.cores > 1:
            settings["OMP_NUM_THREADS"] = settings["NPROC"] = str(self.cores)
            del settings["XLA_FLAGS"]
        if self.gpus == 0:
            settings["JAX_PLATFORMS"] = "cpu"
        elif self.gpus < 1:  # jax would take three quarters of the memory for itself
            settings["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{0.9 * self.gpus:.2f}"
        return with_flags_of(os.environ, settings)

    def require_same(self, versions: Mapping[str, str], device: str) -> None:
        """Checks that a node has what this machine has, and jax there what is asked.

        Raises:
            ClusterProblem: it has other versions, or jax there finds no GPU.
        """
        here = provenance.versions()
        for package in ("python", *provenance.PACKAGES):
            if versions[package] != here[package]:
                raise ClusterProblem(
                    f"a node of the cluster has {package} {versions[package]} and "
                    f"this machine {here[package]}: install the same on both"
                )
        if self.gpus and device == "cpu":
            raise ClusterProblem(
                "a node of the cluster has GPUs that jax there cannot use: install "
                "jax[cuda12] on it, or leave out --gpus"
            )


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yields the module `ray`, connected to a cluster until the end.

    Raises:
        ClusterProblem: ray is not installed here, or no cluster answers.
    """
    # A cluster of ours tells nobody that it exists; others decide for themselves.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Where a connection is lost, ray would look for any other cluster, for minutes.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ClusterProblem(
            "to run on a cluster, ray has to be installed: pip install '.[ray]' in "
            "the arena's clone"
        ) from error
    if address != LOCAL:
        require_listener(address)
    own: dict[str, Any] = {}
    if address == LOCAL:
        own = {"num_cpus": provenance.available_cores(), "include_dashboard": False}
    with _surroundings_kept():
        _connect(ray, address, {**own, "log_to_driver": False})
    try:
        yield ray
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str, settings: Mapping[str, Any]) -> None:
    """Connects to a cluster, or starts it."""
    for tries_left in reversed(range(TRIES)):
        try:
            ray.init(address, logging_level=logging.ERROR, **settings)
            return
        except (ConnectionError, RuntimeError, ValueError, ImportError) as error:
            if isinstance(error, ConnectionAbortedError) and tries_left:
                continue
            reason = " ".join(str(error).split())[:600]
            raise ClusterProblem(f"no Ray cluster at {address}: {reason}") from error


def require_listener(address: str) -> None:
    """Checks that somebody listens at an address: Ray itself would ask for minutes.

    Raises:
        ClusterProblem: nobody does, or it is not an address.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (host and colon and port.isdigit()):
        raise ClusterProblem(
            f"{address!r} is not an address of a cluster: HOST:PORT is"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise ClusterProblem(
            f"nothing answers at {address}: {error}; is the cluster up?"
        ) from error


@contextlib.contextmanager
def _surroundings_kept() -> Iterator[None]:
    """Undoes what `ray.init` does to a process beside connecting it.

    It takes SIGTERM for itself. It also forks to start a cluster here, of which jax
    warns; the child becomes another program at once.
    """
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"os\.fork\(\) was called")
            yield
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, before)
