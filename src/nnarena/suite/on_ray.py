"""The same plan on a Ray cluster: as many runs at once as its nodes have room for.

Each current run belongs to an actor, a process on some node that holds the cores and
GPUs that were asked for. The driver, which is this process, asks every actor for news
about once a second and puts what comes into its own store; it alone knows the plan and
the store, so that nodes share neither a file system nor a network of their own. A run
whose node is lost is given to another and goes on from the last checkpoint that came.

Between driver and actors Ray moves Python objects, with pickle: a cluster is trusted as
its owner's machine is. Nothing that was read from a store is ever unpickled.
"""

import contextlib
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..runs.base import AbstractStore
from ..runs.claims import Claim
from ..runs.files import name_of
from .checkpoints import load_checkpoint
from .cluster import Cluster, ClusterProblem, connected
from .evaluator import unanswered
from .events import Event
from .executors import AbstractExecutor
from .keeping import add_to_log, done_elsewhere, record_failure, writing
from .ledger import Ledger
from .limits import NO_LIMITS, Limits
from .plan import Job
from .pool import Schedule, log_tail
from .remote_worker import News, RemoteWorker, texts_of


LOSSES = 3
"""A run that was lost so often is recorded as failed: it may be what kills nodes."""

RECRUIT_SECONDS = 5.0
"""How often the cluster is asked whether it has grown."""

NOBODY_SECONDS = 300.0
"""How long a cluster may be without any node that has room for a run."""

EXECUTOR = "ray actor"


class RayCluster(AbstractExecutor):
    """Does the jobs on a Ray cluster, at most `workers` of them at once if given."""

    def __init__(
        self,
        store: AbstractStore,
        cluster: Cluster,
        workers: int | None = None,
        limits: Limits = NO_LIMITS,
    ):
        if limits.bytes is not None:
            raise ClusterProblem(
                "a memory limit is kept by the worker processes of one machine only: "
                "leave it out, Ray itself ends what takes too much of a node"
            )
        self.store, self.cluster = store, cluster
        self.limit, self.limits = workers, limits
        self.workers = workers or 1  # how many it will be, the cluster decides
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True

    @property
    def stopping(self) -> bool:
        return self._stopping

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Yields the events of the jobs as they happen.

        Raises:
            ClusterProblem: there is no such cluster, no node of it has room for a run,
                or a node has other versions than this machine.
            StoreProblem: the store cannot be written.
        """
        with connected(self.cluster.address) as ray:
            try:
                yield from Crew(ray, self, jobs).work()
            except ConnectionError as error:
                raise ClusterProblem(
                    f"{self.cluster.name} is gone; finished runs and checkpoints are "
                    "kept: give the same command again to go on"
                ) from error


@dataclass
class Slot:
    """One actor, the answer that is awaited of it, and its current job."""

    number: int
    actor: Any
    answer: Any
    job: Job | None = None


class Crew:
    """The actors at work on some jobs, and who has which."""

    def __init__(self, ray: Any, executor: RayCluster, jobs: Sequence[Job]):
        self.ray, self.executor = ray, executor
        self.store, self.cluster = executor.store, executor.cluster
        self.schedule = Schedule(jobs)
        self.unfinished = {job.key for job in jobs}
        self.returned: list[Job] = []
        self.losses: Counter[str] = Counter()
        self.false_starts = 0
        self.slots: list[Slot] = []
        self.claims: dict[str, Claim] = {}
        self.hired = 0
        self.asked_at = self.room_seen_at = -math.inf
        self.hire = self._actors(jobs)

    def _actors(self, jobs: Sequence[Job]) -> Callable[[], Any]:
        """Returns what makes an actor."""
        plugins = {plugin.path for job in jobs for plugin in job.plugins}
        texts = {path: texts_of(path) for path in plugins}
        kind = self.ray.remote(RemoteWorker).options(
            num_cpus=self.cluster.cores,
            num_gpus=self.cluster.gpus,
            runtime_env={"env_vars": self.cluster.environment()},
        )
        data, limits = os.environ.get("NNARENA_DATA"), self.executor.limits
        address = self.store.address
        return lambda: kind.remote(address, EXECUTOR, texts, data, limits)

    def work(self) -> Iterator[Event]:
        """Yields what happens until every job has come to its end."""
        try:
            while self.unfinished:
                if not self.ray.is_initialized():
                    raise ConnectionError("ray is connected no more")
                if self.executor.stopping:
                    for slot in [slot for slot in self.slots if slot.job is None]:
                        self.dismiss(slot)
                    if not self.slots:
                        break
                else:
                    self.recruit()
                slot = self.next_answer()
                if slot is not None:
                    yield from self.hear(slot)
            for job in self.returned:  # lost, and then there was no time left
                yield Event(kind="stopped", key=job.key)
        finally:
            for slot in list(self.slots):
                self.dismiss(slot)
            for claim in self.claims.values():
                claim.release()

    def recruit(self) -> None:
        """Starts actors while the cluster has room and there is work for them.

        Raises:
            ClusterProblem: no node has room for a run, at first or for long.
        """
        now = time.monotonic()
        if now - self.asked_at < RECRUIT_SECONDS:
            return
        room = self.cluster.room(self.ray.nodes())
        if room:
            self.room_seen_at = now
        elif now - self.room_seen_at > NOBODY_SECONDS:
            raise ClusterProblem(
                f"no node of {self.cluster.name} has {self.cluster.wish} for a run: "
                "ask for less"
            )
        self.asked_at = now
        wanted = min(room, len(self.unfinished), self.executor.limit or room)
        while len(self.slots) < wanted:
            actor = self.hire()
            self.slots.append(Slot(self.hired, actor, actor.greet.remote()))
            self.hired += 1

    def next_answer(self) -> Slot | None:
        """Waits for an actor's answer; None if none has come for some time."""
        answers = {slot.answer: slot for slot in self.slots}
        if not answers:
            time.sleep(RECRUIT_SECONDS)
            return None
        ready, _ = self.ray.wait(list(answers), timeout=RECRUIT_SECONDS)
        if not ready:
            return None
        slot = answers[ready[0]]
        self.slots.remove(slot)
        self.slots.append(slot)  # the first in line is heard first: all get their turn
        return slot

    def hear(self, slot: Slot) -> Iterator[Event]:
        """Takes in an actor's answer and asks it for the next."""
        try:
            answer = self.ray.get(slot.answer)
        except self.ray.exceptions.RayError as error:
            yield from self.lose(slot, error)
            return
        if isinstance(answer, News):
            with writing():
                self.store.apply(answer.changes)
            yield from answer.events
            if not answer.ended:
                slot.answer = slot.actor.go_on.remote(stop=self.executor.stopping)
                return
            self.close(slot)
        else:
            self.false_starts = 0
            self.cluster.require_same(*answer)
        yield from self.begin_next(slot)

    def begin_next(self, slot: Slot) -> Iterator[Event]:
        """Gives an actor its next job, or lets it go when there is none for it."""
        while (job := self.next_job(slot)) is not None:
            if job.key not in self.claims:
                with writing():
                    claim = self.store.claim(job.key)
                if claim is None:
                    self.unfinished.discard(job.key)
                    yield Event(kind="elsewhere", key=job.key)
                    continue
                self.claims[job.key] = claim
            slot.job = job
            lacking = unanswered(self.store, [job])
            if lacking or job.key not in self.store:
                (wanted,) = lacking or [job]
                slot.answer = slot.actor.begin.remote(wanted, self.left_of(job))
                return
            self.close(slot)
            yield done_elsewhere(self.store, job)
        self.dismiss(slot)

    def left_of(self, job: Job) -> dict[str, bytes]:
        """Returns the files that an earlier try of a job left, by name."""
        kinds = ("checkpoints", "logs", "records", "weights")
        found = {k: self.store.content(k, job.key) for k in kinds}
        return {name_of(k, job.key): c for k, c in found.items() if c is not None}

    def next_job(self, slot: Slot) -> Job | None:
        """Returns what an actor is to do next: what was lost comes first."""
        if self.executor.stopping:
            return None
        return (
            self.returned.pop(0) if self.returned else self.schedule.next(slot.number)
        )

    def close(self, slot: Slot) -> None:
        """Takes note that the job of an actor has come to its end."""
        assert slot.job is not None
        self.unfinished.discard(slot.job.key)
        self.claims.pop(slot.job.key).release()
        slot.job = None

    def lose(self, slot: Slot, error: Exception) -> Iterator[Event]:
        """Gives up an actor; its job goes to another, or has failed in the end.

        Raises:
            ClusterProblem: actors die before they have begun, again and again.
        """
        self.dismiss(slot)
        self.asked_at = -math.inf  # another may take its place at once
        job = slot.job
        if job is None:
            self.false_starts += 1
            if self.false_starts == LOSSES:
                said = log_tail(str(error))
                raise ClusterProblem(f"no worker starts on the cluster: {said}")
            return
        self.losses[job.key] += 1
        times = self.losses[job.key]
        add_to_log(self.store, job.key, f"{error}\n")
        if times < LOSSES:
            self.returned.append(job)
            text = (
                f"{job.identity.label}: its node or process was lost; it goes on from "
                f"its last checkpoint (loss {times} of at most {LOSSES})"
            )
            yield Event(kind="note", key=job.key, text=text)
            return
        self.close(slot)
        yield self.fail(job, f"its node or process was lost {times} times, see its log")

    def fail(self, job: Job, reason: str) -> Event:
        """Records a run as failed, with its curve as far as it came."""
        ledger = Ledger(job, EXECUTOR)
        checkpoint = load_checkpoint(self.store, job.key)
        if checkpoint is not None:
            ledger.take_up(checkpoint[1])
        return record_failure(self.store, ledger, reason)

    def dismiss(self, slot: Slot) -> None:
        """Ends an actor at once; its last checkpoint that came stays."""
        self.slots.remove(slot)
        with contextlib.suppress(Exception):  # the cluster itself may be gone
            self.ray.kill(slot.actor)
