"""`arena run`."""

import time
from dataclasses import dataclass
from pathlib import Path

import typer

from ..runs.store import AbstractStore
from ..suite.on_ray import Cluster, RayCluster
from .console import guarded, news, refuse
from .progress import duration, follow
from .request import Request, resolve
from .results import print_leaderboard, write_page


@dataclass(frozen=True)
class Placement:
    """The words of `arena run` that say where runs are done."""

    workers: int | None = None
    on: str | None = None
    cores: int | None = None
    gpus: float | None = None

    def executor(self, store: AbstractStore) -> RayCluster | None:
        """Returns the executor of the cluster that is meant; None: this machine's."""
        if self.on is None:
            if self.cores is not None or self.gpus is not None:
                raise refuse("--cores and --gpus ask a cluster: say --on ray, or where")
            return None
        if self.workers == 0:
            raise refuse("--workers 0 is this process, which --on leaves: give one")
        address = cluster_address(self.on)
        cluster = Cluster(address, self.cores or 1, self.gpus or 0.0)
        return RayCluster(store, cluster, self.workers)


def cluster_address(on: str) -> str:
    """Returns the address in the words after `--on`."""
    if on == "ray":
        return "local"
    if on.startswith("ray://") and len(on) > len("ray://"):
        return on
    if on.startswith("ray:") and on[4:] and not on.startswith("ray:/"):
        return on[4:]
    raise refuse(
        f"--on {on}: say ray, ray:auto, ray:HOST:PORT or ray://HOST:PORT", code=2
    )


@guarded
def run_suite(request: Request, results: Path, placement: Placement) -> None:
    """Runs what is asked for, then prints the leaderboard and writes the page."""
    session = resolve(request, results)
    executor = placement.executor(session.store)
    results.mkdir(parents=True, exist_ok=True)
    pending = session.pending
    done = len(session.jobs) - len(pending)
    kept = f", {done} of them already in {results}" if done else f", into {results}"
    news.print(f"{len(session.jobs)} runs{kept}")
    session.require_data()
    try:
        watch = follow(session.run(placement.workers, executor=executor), pending, news)
    except KeyboardInterrupt as stop:
        raise refuse(
            "stopped; finished runs are kept: give the same command again to go on", 130
        ) from stop
    took = duration(time.monotonic() - watch.begun)
    if pending:
        news.print(f"{watch.ended} runs in {took}, {watch.failed} failed")
    print_leaderboard(results, keys={job.key for job in session.jobs})
    write_page(results, None)
    if watch.failed:
        raise typer.Exit(1)
