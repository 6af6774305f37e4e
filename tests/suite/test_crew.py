"""Who gets which run on a cluster whose losses a test decides."""

import contextlib
import sys
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.suite.bits import bits_of

from nnarena.core.problems import StoreProblem
from nnarena.suite import cluster, on_ray, provenance, remote_worker, runner
from nnarena.suite.cluster import Cluster, ClusterProblem, connected, require_listener
from nnarena.suite.events import ENDS
from nnarena.suite.on_ray import Crew, RayCluster
from nnarena.suite.session import Session, open_session


class Lost(Exception):
    """The node of an actor is no more."""


class Method:
    """A method of an actor: answers are worked out when they are asked for."""

    def __init__(self, call: Callable[..., Any]):
        self.call = call

    def remote(self, *args: Any, **options: Any) -> Callable[[], Any]:
        return lambda: self.call(*args, **options)


class FakeRay:
    """As much of ray as the crew uses, in this process.

    `nodes_cores` are the cores of the nodes that are alive. `loses` is asked before
    every answer, with the actor's number and the method, whether its node is lost.
    """

    def __init__(self, *nodes_cores: int):
        self.nodes_cores = list(nodes_cores)
        self.loses: Callable[[int, str], bool] = lambda number, method: False
        self.exceptions = SimpleNamespace(RayError=Lost)
        self.alive: dict[int, Any] = {}
        self.most = self.born = 0
        self.options: dict[str, Any] = {}

    def is_initialized(self) -> bool:
        return True

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {"Alive": True, "Resources": {"CPU": float(n)}} for n in self.nodes_cores
        ]

    def remote(self, kind: type) -> Any:
        def options(**options: Any) -> Any:
            self.options = options
            return SimpleNamespace(remote=lambda *args: self.actor(kind(*args)))

        return SimpleNamespace(options=options)

    def actor(self, worker: Any) -> Any:
        number, self.born = self.born, self.born + 1

        def method(name: str) -> Method:
            def call(*args: Any, **options: Any) -> Any:
                if self.loses(number, name):
                    raise Lost(f"node of actor {number}\nand more")
                return getattr(worker, name)(*args, **options)

            return Method(call)

        self.alive[number] = worker
        self.most = max(self.most, len(self.alive))
        names = {name: method(name) for name in ("greet", "begin", "go_on")}
        return SimpleNamespace(number=number, **names)

    def wait(self, answers: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        return answers[:1], answers[1:]

    def get(self, answer: Callable[[], Any]) -> Any:
        return answer()

    def kill(self, actor: Any) -> None:
        del self.alive[actor.number]


@pytest.fixture
def session(tiny_suite, tmp_path, monkeypatch) -> Session:
    monkeypatch.setattr(remote_worker, "NEWS_SECONDS", 0.0)
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(on_ray, "RECRUIT_SECONDS", 0.0)
    suite = tiny_suite.model_copy(update={"seeds": [0, 1, 2]})
    return open_session(suite, tmp_path / "results")


def kinds_of(ray: FakeRay, session: Session, workers: int | None = None) -> Counter:
    executor = RayCluster(session.store, Cluster(), workers)
    events = list(Crew(ray, executor, session.jobs).work())
    return Counter(event.kind for event in events)


@pytest.mark.parametrize(
    ("nodes", "workers", "most"),
    [((1, 1), None, 2), ((8,), None, 3), ((2, 6), 2, 2), ((1,), 4, 1)],
)
def test_as_many_actors_as_room_runs_and_workers_allow(session, nodes, workers, most):
    ray = FakeRay(*nodes)
    crew = Crew(ray, RayCluster(session.store, Cluster(), workers), session.jobs)
    for _ in range(2):
        crew.recruit()
        assert (ray.most, len(crew.slots)) == (most, most)


def test_a_node_that_joins_gets_runs(session):
    ray = FakeRay(1)
    crew = Crew(ray, RayCluster(session.store, Cluster()), session.jobs)
    crew.recruit()
    ray.nodes_cores.append(1)
    crew.recruit()
    assert len(crew.slots) == 2


def test_every_job_ends_and_actors_that_nothing_is_left_for_are_let_go(session):
    ray = FakeRay(2)
    assert kinds_of(ray, session)["done"] == 3
    assert session.pending == []
    assert (ray.born, ray.alive) == (2, {})


def test_a_lost_run_goes_on_elsewhere_with_the_same_bits(session, tmp_path):
    calm = Session(session.jobs, tmp_path / "calm")
    list(calm.run(workers=0))
    ray, calls = FakeRay(1, 1), Counter()

    def loses(number: int, method: str) -> bool:
        calls[number, method] += 1
        lost = number == 1 and calls[1, "go_on"] == 3
        if lost:
            ray.nodes_cores = [1]
        return lost

    ray.loses = loses
    kinds = kinds_of(ray, session)
    assert kinds["done"] == 3
    assert kinds["started"] == 4
    assert bits_of(session.store) == bits_of(calm.store)
    interruptions = [record.provenance.interruptions for record in session.store]
    assert sorted(interruptions) == [0, 0, 1]
    assert ray.alive == {}


def test_a_run_that_is_lost_three_times_has_failed(session):
    ray, fatal = FakeRay(1), session.jobs[1].key
    executor = RayCluster(session.store, Cluster())
    crew = Crew(ray, executor, session.jobs)
    ray.loses = lambda number, method: (
        method == "go_on"
        and any(slot.job is not None and slot.job.key == fatal for slot in crew.slots)
    )
    ends = {
        event.key: event for event in crew.work() if event.kind in ("done", "failed")
    }
    assert Counter(event.kind for event in ends.values()) == {"done": 2, "failed": 1}
    assert "lost 3 times" in ends[fatal].text
    log = session.results / "logs" / f"{fatal}.txt"
    assert "node of actor" in log.read_text()
    assert [job.key for job in session.pending] == [fatal]
    assert ray.born == 4  # the first, and one for each loss


def test_asked_to_stop_runs_end_at_their_next_check(session, tmp_path):
    ray = FakeRay(1, 1)
    executor = RayCluster(session.store, Cluster())
    ends = {}
    for event in Crew(ray, executor, session.jobs).work():
        if event.kind == "check":
            executor.stop()
        if event.kind in ENDS:
            ends[event.key] = event.kind
    assert set(ends.values()) == {"stopped"}
    assert ray.alive == {}
    assert all(session.store.checkpoint(key) is not None for key in ends)
    for job in session.jobs:
        claim = session.store.claim(job.key)
        assert claim is not None
        claim.release()
    list(session.run(workers=0))
    calm = Session(session.jobs, tmp_path / "calm")
    list(calm.run(workers=0))
    assert bits_of(session.store) == bits_of(calm.store)


def test_a_run_that_is_lost_while_all_stop_is_told_as_stopped(session):
    ray = FakeRay(1)
    executor = RayCluster(session.store, Cluster())
    ray.loses = lambda number, method: executor.stopping
    kinds = []
    for event in Crew(ray, executor, session.jobs).work():
        kinds.append(event.kind)
        if event.kind == "check":
            executor.stop()
    assert kinds[-2:] == ["note", "stopped"]
    assert ray.alive == {}


def test_what_another_process_has_in_hand_is_left_to_it(session):
    claim = session.store.claim(session.jobs[0].key)
    kinds = kinds_of(FakeRay(1), session)
    claim.release()
    assert (kinds["elsewhere"], kinds["done"]) == (1, 2)
    assert [job.key for job in session.pending] == [session.jobs[0].key]


def test_a_store_that_cannot_be_written_ends_the_matrix(session, monkeypatch):
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(type(session.store), "_write", full)
    ray = FakeRay(1)
    with pytest.raises(StoreProblem, match="no space left"):
        kinds_of(ray, session)
    assert ray.alive == {}


def test_workers_that_never_start_end_the_matrix(session):
    ray = FakeRay(1)
    ray.loses = lambda number, method: method == "greet"
    with pytest.raises(ClusterProblem, match="no worker starts on the cluster: node"):
        kinds_of(ray, session)
    assert (ray.born, ray.alive) == (3, {})


def test_a_cluster_without_room_is_refused(session):
    ray = FakeRay()
    with pytest.raises(ClusterProblem, match=r"no node .* has 1 core for a run"):
        kinds_of(ray, session)


def test_other_versions_are_refused(session, monkeypatch):
    def greet(self: object) -> tuple[dict[str, str], str]:
        return {**provenance.versions(), "jax": "0.0.1"}, "cpu"

    monkeypatch.setattr(remote_worker.RemoteWorker, "greet", greet)
    with pytest.raises(ClusterProblem, match=r"has jax 0\.0\.1 and this machine"):
        kinds_of(FakeRay(1), session)


def test_a_gpu_that_jax_does_not_use_is_refused(session):
    ray = FakeRay(1)
    ray.nodes = lambda: [{"Alive": True, "Resources": {"CPU": 1.0, "GPU": 1.0}}]
    executor = RayCluster(session.store, Cluster(gpus=1.0))
    with pytest.raises(ClusterProblem, match="GPUs that jax there cannot use"):
        list(Crew(ray, executor, session.jobs).work())
    assert ray.options["num_gpus"] == 1


@pytest.mark.parametrize(
    ("cores", "gpus", "has", "room"),
    [
        (1, 0, {"CPU": 4.0}, 4),
        (3, 0, {"CPU": 8.0}, 2),
        (1, 0, {}, 0),
        (1, 1, {"CPU": 4.0}, 0),
        (1, 1, {"CPU": 4.0, "GPU": 2.0}, 2),
        (4, 1, {"CPU": 4.0, "GPU": 2.0}, 1),
        (1, 2, {"CPU": 4.0, "GPU": 3.0}, 1),
        (1, 0.1, {"CPU": 64.0, "GPU": 2.0}, 20),
        (1, 0.4, {"CPU": 64.0, "GPU": 2.0}, 4),  # a share lies on one GPU
    ],
)
def test_room_of_a_node(cores, gpus, has, room):
    node = {"Alive": True, "Resources": has}
    dead = {"Alive": False, "Resources": has}
    cluster = Cluster(cores=cores, gpus=float(gpus))
    assert cluster.room([node]) == room
    assert cluster.room([node, dead, node]) == 2 * room


@pytest.mark.parametrize("gpus", [-1.0, 1.5])
def test_gpus_are_whole_or_a_share_of_one(gpus):
    with pytest.raises(ClusterProblem, match="ask for whole ones, or for a share"):
        Cluster(gpus=gpus)


def test_what_a_process_is_born_with(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--of_the_driver")
    alone = Cluster().environment()
    flags = "--of_the_driver --xla_cpu_multi_thread_eigen=false"
    assert (alone["XLA_FLAGS"], alone["NPROC"]) == (flags, "1")
    assert alone["JAX_PLATFORMS"] == "cpu"
    assert alone["MALLOC_ARENA_MAX"] == "1"
    wide = Cluster(cores=4, gpus=0.5).environment()
    assert wide["XLA_FLAGS"] == "--of_the_driver"
    assert wide["NPROC"] == wide["OMP_NUM_THREADS"] == "4"
    assert "JAX_PLATFORMS" not in wide
    assert wide["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.45"


def test_without_ray_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterProblem, match=r"pip install .*\[ray\]"):
        connected("local").__enter__()


@pytest.mark.parametrize(("bad_starts", "tries"), [(0, 1), (2, 3), (3, 3)])
def test_a_client_that_is_not_served_tries_again(monkeypatch, bad_starts, tries):
    seen = []

    def init(address: str, **settings: object) -> None:
        seen.append(address)
        if len(seen) <= bad_starts:
            raise ConnectionAbortedError("not\nserved")

    fake = SimpleNamespace(init=init, shutdown=lambda: None)
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setattr(cluster, "require_listener", lambda address: None)
    refused = pytest.raises(ClusterProblem, match="at ray://a:1: not served")
    expected = refused if bad_starts == 3 else contextlib.nullcontext()
    with expected, connected("ray://a:1") as ray:
        assert ray is fake
    assert seen == ["ray://a:1"] * tries


@pytest.mark.parametrize("address", ["ray://127.0.0.1:1", "127.0.0.1:1"])
def test_an_address_where_nobody_listens_is_told_at_once(address):
    with pytest.raises(ClusterProblem, match=r"nothing answers at .*is the cluster up"):
        require_listener(address)


@pytest.mark.parametrize("address", ["head", "ray://head", ":1", "head:x"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ClusterProblem, match="is not an address of a cluster"):
        require_listener(address)
