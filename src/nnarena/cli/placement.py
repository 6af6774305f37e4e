"""The words of `arena run` that say where runs are done, and within what limits."""

from dataclasses import dataclass

from ..runs.store import open_store
from ..suite.cluster import LOCAL, Cluster
from ..suite.executors import AbstractExecutor
from ..suite.limits import Limits, parse_bytes, parse_seconds
from ..suite.on_ray import RayCluster
from ..suite.session import choose_executor
from .console import refuse


@dataclass(frozen=True)
class Placement:
    """What was said of workers, of limits and of a cluster."""

    workers: int | None = None
    time_limit: str | None = None
    memory_limit: str | None = None
    on: str | None = None
    cores: int | None = None
    gpus: float | None = None

    def executor(self, results: str) -> AbstractExecutor:
        """Returns the executor that is meant.

        Raises:
            UserProblem: there is none that could do that.
        """
        limits = Limits(
            seconds=parse_seconds(self.time_limit) if self.time_limit else None,
            bytes=parse_bytes(self.memory_limit) if self.memory_limit else None,
        )
        if self.on is None:
            if self.cores is not None or self.gpus is not None:
                raise refuse("--cores and --gpus are asked of a cluster: say --on too")
            return choose_executor(results, self.workers, limits)
        if self.workers == 0:
            raise refuse("--workers 0 means this process, and --on others: leave one")
        cluster = Cluster(cluster_address(self.on), self.cores or 1, self.gpus or 0.0)
        return RayCluster(open_store(results), cluster, self.workers, limits)


def cluster_address(on: str) -> str:
    """Returns the address in the words after `--on`."""
    scheme, _, rest = on.partition(":")
    if on == "ray":
        return LOCAL
    if scheme != "ray" or ":" not in rest:
        raise refuse(f"--on {on}: say ray, ray:HOST:PORT or ray://HOST:PORT")
    return on if rest.startswith("//") else rest
