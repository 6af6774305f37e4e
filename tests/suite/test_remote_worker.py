"""A worker that keeps nothing: what it sends makes the same store."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.suite.bits import bits_of
from tests.synthetic import make_record

from nnarena.runs.base import AbstractStore
from nnarena.runs.files import name_of
from nnarena.runs.record import History
from nnarena.runs.store import DirectoryStore
from nnarena.suite import remote_worker, runner
from nnarena.suite.plan import Job
from nnarena.suite.programs import Programs
from nnarena.suite.remote_worker import (
    News,
    Outbox,
    RemoteWorker,
    texts_of,
    write_plugins,
)
from nnarena.suite.session import Session, open_session


@pytest.fixture
def session(tiny_suite, tmp_path) -> Session:
    return open_session(tiny_suite, tmp_path / "results")


@pytest.fixture
def impatient(monkeypatch):
    """Every event is news of its own, and every check leaves a checkpoint."""
    monkeypatch.setattr(remote_worker, "NEWS_SECONDS", 0.0)
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)


def news_of(worker: RemoteWorker, job: Job, store: AbstractStore) -> list[News]:
    """Drives one job to its end, as a driver does."""
    checkpoint = store.content("checkpoints", job.key)
    name = name_of("checkpoints", job.key)
    told = [worker.begin(job, {} if checkpoint is None else {name: checkpoint})]
    while True:
        store.apply(told[-1].changes)
        if told[-1].ended:
            return told
        told.append(worker.go_on())


def test_what_is_sent_makes_the_same_store(session, tmp_path, impatient):
    list(session.run(workers=0))
    store = DirectoryStore(tmp_path / "far")
    worker = RemoteWorker("far", "test", {})
    for job in session.jobs:
        told = news_of(worker, job, store)
        kinds = [event.kind for news in told for event in news.events]
        assert kinds == ["started", *["check"] * 5, "done"]
        assert len(told) > 3  # news come while it trains
    assert bits_of(store) == bits_of(session.store)
    assert not any((tmp_path / "far" / "checkpoints").iterdir())


def test_another_worker_goes_on_from_what_came_last(session, tmp_path, impatient):
    list(session.run(workers=0))
    store, job = DirectoryStore(tmp_path / "far"), session.jobs[0]
    lost = RemoteWorker("far", "test", {})
    store.apply(lost.begin(job, {}).changes)
    while store.checkpoint(job.key) is None:
        store.apply(lost.go_on().changes)
    news_of(RemoteWorker("far", "test", {}), job, store)
    (record,) = store
    assert record.provenance.interruptions == 1
    assert bits_of(store)[job.key] == bits_of(session.store)[job.key]


PLUGIN = """
import jax.numpy as jnp
from nnarena import MODELS, AbstractLayer

@MODELS.register("far_layer", family="test", source="nowhere")
class Layer(AbstractLayer):
    weight: object
    hidden_size: int
    causal: bool

    def __init__(self, features, hidden, *, key):
        self.weight = jnp.ones((features, hidden))
        self.hidden_size, self.causal = hidden, True

    def __call__(self, sequence, *, key=None):
        xs, dts = sequence.xs, sequence.dts
        {body}
"""


def plugin_modules() -> set[str]:
    return {name for name in sys.modules if name.endswith(".mine")}


def test_a_plugin_travels_as_its_text(tiny_suite, tmp_path):
    """With what it imports: on the worker's machine there are no such files."""
    plugin, neighbor = tmp_path / "mine.py", tmp_path / "bounds.py"
    body = "return bounds.bound(xs @ self.weight)"
    plugin.write_text("import bounds\n" + PLUGIN.format(body=body))
    neighbor.write_text("from jax.numpy import tanh as bound\n")
    loaded = plugin_modules()
    model = tiny_suite.models[0].model_copy(update={"name": "far_layer"})
    suite = tiny_suite.model_copy(update={"models": [model], "seeds": [0]})
    session = open_session(suite, tmp_path / "results", plugins=[str(plugin)])
    texts = texts_of(str(plugin))
    plugin.unlink()
    neighbor.unlink()
    (job,) = session.jobs
    news_of(RemoteWorker("far", "test", {str(plugin): texts}), job, session.store)
    (record,) = session.store
    assert record.result.outcome == "finished"
    assert record.identity == job.identity
    assert [found.path for found in record.provenance.plugins] == [str(plugin)]
    assert len(plugin_modules() - loaded) == 2  # the driver's, and that of the text


def test_plugins_of_one_name_stay_apart():
    one, other = {"model.py": "A = 1\n"}, {"model.py": "B = 1\n"}
    places = write_plugins({"/a/model.py": one, "/b/model.py": other})
    assert {Path(place).name for place in places.values()} == {"model.py"}
    assert Path(places["/a/model.py"]).read_text() == "A = 1\n"
    assert Path(places["/b/model.py"]).read_text() == "B = 1\n"
    assert write_plugins({"/c/model.py": one}) == {"/c/model.py": places["/a/model.py"]}


def test_a_broken_run_sends_its_reason_and_its_log(session, tmp_path, monkeypatch):
    def no_luck(*_: object) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(Programs, "compiled", no_luck)
    store = DirectoryStore(tmp_path / "far")
    (news,) = news_of(RemoteWorker("far", "test", {}), session.jobs[0], store)
    assert [event.kind for event in news.events] == ["failed"]
    (record,) = store
    assert record.result.reason == "RuntimeError: no luck"
    log = tmp_path / "far" / "logs" / f"{record.key}.txt"
    assert "Traceback" in log.read_text()


def test_the_data_of_a_node_is_its_own(monkeypatch):
    monkeypatch.setenv("NNARENA_DATA", "/of/the/node")
    RemoteWorker("far", "test", {}, "/of/the/driver")
    assert os.environ["NNARENA_DATA"] == "/of/the/node"
    monkeypatch.delenv("NNARENA_DATA")
    RemoteWorker("far", "test", {}, "/of/the/driver")
    assert os.environ["NNARENA_DATA"] == "/of/the/driver"
    monkeypatch.delenv("NNARENA_DATA")


def test_changes_make_the_same_files(tmp_path):
    """Whatever was put, moved and removed, and however often it was fetched."""
    near, far = DirectoryStore(tmp_path / "near"), DirectoryStore(tmp_path / "far")
    outbox, record = Outbox("far"), make_record()
    arrays = {"weight": np.arange(6.0).reshape(2, 3).T}
    key = record.key
    steps = [
        lambda store: store.put_checkpoint(key, arrays, {"note": "1"}),
        lambda store: store.put_text("progress", key, "half"),
        lambda store: store.put_checkpoint(key, arrays, {"note": "2"}),
        lambda store: store.put_text("logs", key, "said"),
        lambda store: store.put(record, History(key=key), arrays),
    ]
    changes = {}
    for step in steps:
        step(near)
        step(outbox)
        if step is not steps[1]:
            changes = outbox.take_changes()
            far.apply(changes)
    assert files_of(near.root) == files_of(far.root)
    assert [name.split("/")[0] for name in changes][-3] == "records"  # then removals
    assert outbox.take_changes() == {}


def test_what_is_set_aside_is_so_in_the_end(tmp_path):
    far, outbox = DirectoryStore(tmp_path / "far"), Outbox(str(tmp_path / "far"))
    far.put_checkpoint("abc", {}, {})
    name = name_of("checkpoints", "abc")
    outbox.lay_out({name: far.content("checkpoints", "abc") or b""})
    place = outbox.set_aside("checkpoints", "abc")
    assert outbox.set_aside("checkpoints", "abc") is None
    far.apply(outbox.take_changes())
    assert far.checkpoint("abc") is None
    assert place is not None
    assert Path(place).exists()


def files_of(root: Path) -> dict[str, bytes]:
    """Returns the files of a folder by name."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
