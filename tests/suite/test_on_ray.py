"""A real Ray cluster on this machine: two nodes, of which one is killed.

What a test waits for is what the cluster did, never a time. `pip install '.[ray]'`
makes these tests run; without it they are skipped.
"""

import logging
import os
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.suite.bits import bits_of
from tests.suite.test_same_bits import SUITE as SAME, in_process

from nnarena.runs.store import open_store
from nnarena.suite.cluster import LOCAL, Cluster
from nnarena.suite.config import parse_suite
from nnarena.suite.on_ray import RayCluster
from nnarena.suite.session import Session, open_session


pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),
]

SMALL = {"object_store_memory": 80_000_000, "include_dashboard": False}


@pytest.fixture(scope="module", autouse=True)
def ray() -> Iterator[Any]:
    """The module, imported when its settings are there: it reads them once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "token")  # given, so that no file keeps it
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield pytest.importorskip("ray", reason="ray is not installed: extra `ray`")
        logging.getLogger("ray").setLevel(logging.WARNING)


@pytest.fixture
def two_nodes() -> Iterator[tuple[Any, Any]]:
    """A cluster, and the one of its two nodes of one core that may be killed."""
    from ray.cluster_utils import (  # pyright: ignore[reportMissingImports]
        Cluster as Nodes,
    )

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, **SMALL})
    try:
        second = nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
        nodes.wait_for_nodes()
        yield nodes, second
    finally:
        nodes.shutdown()


@pytest.fixture
def head(tmp_path) -> Iterator[str]:
    """The address for clients of a cluster of one node in processes of its own."""
    gcs, client = free_port(), free_port()
    words = [f"--port={gcs}", f"--ray-client-server-port={client}", "--num-cpus=2"]
    words += ["--object-store-memory=80000000", "--include-dashboard=false"]
    ray_start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head"]
    said = tmp_path / "head.txt"
    with said.open("w") as log:
        process = subprocess.Popen(
            [*ray_start, "--block", *words],
            stdout=log,
            stderr=log,
            # A busy machine takes long to start the process that serves a client.
            env={**os.environ, "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "240"},
            start_new_session=True,
        )
    try:
        while "Ray runtime started" not in said.read_text():
            assert process.poll() is None, said.read_text()
            time.sleep(0.2)
        yield f"127.0.0.1:{client}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def matrix(results: Path, steps: int) -> Session:
    content = {
        "name": "cluster",
        "models": ["elman", "gru"],
        "tasks": [{"name": "add", "length": 30}],
        "seeds": 2,
        "width": 16,
        "trainer": {"steps": steps, "checks": 100},
    }
    return open_session(parse_suite(content, "cluster"), results)


def test_a_node_is_killed_and_nothing_is_lost(two_nodes, tmp_path):
    nodes, second = two_nodes
    session = matrix(tmp_path / "wild", steps=20_000)
    store = session.store
    executor = RayCluster(store, Cluster(nodes.address))
    kinds: Counter[str] = Counter()
    killed_with: set[str] = set()
    for event in session.run(executor=executor):
        kinds[event.kind] += 1
        saved = {job.key for job in session.pending if store.checkpoint(job.key)}
        if not killed_with and len(saved) == 2:  # both nodes are in the middle of one
            nodes.remove_node(second, allow_graceful=False)
            killed_with = saved
    assert killed_with, "never were both nodes at work: give the runs more steps"
    assert kinds["done"] == 4
    assert kinds["note"] == 1
    lost = {record.key for record in store if record.provenance.interruptions}
    assert len(lost) == 1
    assert lost < killed_with
    assert store.keys("checkpoints") == []

    calm = matrix(tmp_path / "calm", steps=20_000)
    list(calm.run(workers=0))
    assert len(bits_of(calm.store)) == 4
    assert bits_of(session.store) == bits_of(calm.store)


def test_a_client_from_outside_gives_the_same_bits(head, tmp_path):
    """As a user does it: `arena run --on ray://…`, with a model in a file."""
    suite, results = tmp_path / "suite.toml", tmp_path / "far"
    (tmp_path / "mine.py").write_text(PLUGIN)
    suite.write_text(SUITE)
    arena = [sys.executable, "-c", "from nnarena.cli import app; app()", "run"]
    for where in (["--on", f"ray://{head}", "-r", results], ["-w", "1", "-r", "near"]):
        subprocess.run(
            [*arena, suite, *where], check=True, cwd=tmp_path, env=os.environ.copy()
        )
    assert len(bits_of(open_store(results))) == 4
    assert bits_of(open_store(results)) == bits_of(open_store(tmp_path / "near"))


SUITE = """
models = ["elman", "cluster_layer"]
tasks = [{ name = "add", length = 8 }]
seeds = 2
width = 6
plugins = ["mine.py"]
trainer = { steps = 20, batch = 8, checks = 5 }
"""

PLUGIN = '''
import jax
import jax.numpy as jnp
from nnarena import MODELS, AbstractLayer


@MODELS.register("cluster_layer", family="test", source="nowhere")
class ClusterLayer(AbstractLayer):
    """A layer that forgets."""

    weight: jax.Array
    hidden_size: int
    causal: bool

    def __init__(self, features, hidden, *, key):
        self.weight = jax.random.normal(key, (features, hidden))
        self.hidden_size, self.causal = hidden, True

    def __call__(self, sequence, *, key=None):
        xs, dts = sequence.xs, sequence.dts
        return jnp.tanh(xs @ self.weight)
'''


def test_a_cluster_of_our_own_gives_the_same_bits(ray, tmp_path):
    """`--on ray` starts one here, and leaves none behind."""
    session = open_session(parse_suite(SAME, "bits"), tmp_path / "own")
    executor = RayCluster(session.store, Cluster(LOCAL), workers=2)
    kinds = Counter(event.kind for event in session.run(executor=executor))
    assert kinds["done"] == len(session.jobs)
    assert bits_of(session.store) == bits_of(in_process(session, tmp_path))
    assert {record.provenance.executor for record in session.store} == {"ray actor"}
    assert not ray.is_initialized()
