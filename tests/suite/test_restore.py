"""From a record back to the model that made it."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from nnarena.core.problems import SuiteProblem
from nnarena.core.registry import UnknownName
from nnarena.models import MODELS
from nnarena.runs.record import Record
from nnarena.suite.config import parse_suite
from nnarena.suite.executors import InProcess
from nnarena.suite.plan import assemble
from nnarena.suite.restore import restore, restore_record, restore_splits
from nnarena.suite.session import Session, open_session
from nnarena.tasks import TASKS
from nnarena.training.objective import evaluate


UNITARY = {"name": "exp_unitary", "start": "identity", "readout": "mean"}


SUITE = {
    "name": "restored",
    "models": ["elman"],
    "tasks": [{"name": "add", "length": 8}],
    "seeds": 2,
    "width": 6,
    "trainer": {"steps": 12, "batch": 8, "checks": 3},
}


def finished(folder: Path, **changes) -> Session:
    """Returns a session whose runs are done, in this process."""
    session = open_session(parse_suite({**SUITE, **changes}, "tests"), folder)
    list(InProcess(folder).run(session.jobs))
    return session


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Session:
    return finished(tmp_path_factory.mktemp("restore"))


@pytest.fixture
def session(trained, tmp_path) -> Session:
    """Returns a copy that a test may break."""
    shutil.copytree(trained.results, tmp_path / "copy")
    return Session(trained.jobs, tmp_path / "copy")


def same_test_loss(record: Record, session: Session) -> None:
    model, task = restore_record(record, session.store)
    found = evaluate(model, task, restore_splits(record).test, batch=64)
    assert record.result.test_loss == pytest.approx(float(found.mean_loss), rel=1e-6)
    assert record.result.test_score == pytest.approx(float(found.mean_score), rel=1e-6)


def test_a_restored_model_answers_as_it_did(session):
    records = list(session.store)
    assert len(records) == 2
    for record in records:
        same_test_loss(record, session)
    assert len({record.result.test_loss for record in records}) == 2


def test_derived_weights_and_numbers_come_back(tmp_path):
    session = finished(tmp_path, models=[UNITARY], seeds=[3])
    (record,) = session.store
    assert record.result.outcome == "finished"
    same_test_loss(record, session)


@pytest.mark.parametrize(("kind", "name"), [("model", "elman"), ("task", "add")])
def test_another_version_is_refused(session, monkeypatch, kind, name):
    registry = MODELS if kind == "model" else TASKS
    newer = dataclasses.replace(registry[name], version="99")
    monkeypatch.setitem(registry._entries, name, newer)
    record = next(iter(session.store))
    with pytest.raises(ValueError, match=f"{kind} '{name}' was version 1.*99 now"):
        restore_record(record, session.store)
    with pytest.raises(ValueError, match=f"{kind} '{name}' was version 1.*99 now"):
        assemble(session.jobs[0])


def test_an_entrant_that_is_gone_is_named(session, monkeypatch):
    _ = MODELS["elman"]
    monkeypatch.delitem(MODELS._entries, "elman")
    with pytest.raises(UnknownName, match="elman"):
        restore_record(next(iter(session.store)), session.store)


def test_missing_weights_are_said_to_be_missing(session):
    record = next(iter(session.store))
    (Path(session.results) / "weights" / f"{record.key}.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=record.key):
        restore_record(record, session.store)


def test_weights_of_another_shape_are_refused(session):
    first, second = session.store
    weights = dict(session.store.weights(first.key))
    name = next(iter(weights))
    weights[name] = np.zeros(3, np.float32)
    history = session.store.history(first.key)
    assert history is not None
    session.store.put(second, history, weights)
    with pytest.raises(ValueError, match="do not fit at"):
        restore_record(second, session.store)


def test_words_name_the_run_that_is_restored(session):
    found = restore(session.results, "elman", "add(length=8)", seed=1)
    assert found.record.identity.seed == 1
    tested = evaluate(found.model, found.task, found.splits.test, batch=64)
    assert found.record.result.test_score == pytest.approx(float(tested.mean_score))


@pytest.mark.parametrize(
    ("words", "seed", "says"),
    [
        (("gru", "add"), None, "no finished run in .* is gru on add; there are: elman"),
        (("elman", "add(length=9)"), 0, r"is elman on add\(length=9\), seed 0; there"),
        (("elman", "add"), None, "2 runs in .* are elman on add; name a seed or"),
    ],
)
def test_words_that_name_no_run_or_several_are_refused(session, words, seed, says):
    with pytest.raises(SuiteProblem, match=says):
        restore(session.results, *words, seed=seed)
