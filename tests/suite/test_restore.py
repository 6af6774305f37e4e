"""From a record back to the model that made it."""

import dataclasses

import numpy as np
import pytest

from nnarena.core.registry import UnknownName
from nnarena.models import MODELS
from nnarena.runs.record import Record
from nnarena.suite.restore import restore, restore_splits
from nnarena.suite.session import Session, open_session
from nnarena.tasks import TASKS
from nnarena.training.objective import evaluate


MODELS_AND_NUMBERS = [
    "lstm",
    {"name": "exp_unitary", "start": "identity"},
    {"name": "transformer", "heads": 2, "blocks": 1, "depth": 2},
]


@pytest.fixture
def session(tiny_suite, tmp_path) -> Session:
    session = open_session(tiny_suite, tmp_path / "results")
    list(session.run(workers=0))
    return session


def same_test_loss(record: Record, session: Session) -> None:
    model, task = restore(record, session.store)
    found = evaluate(model, task, restore_splits(record).test, batch=64)
    assert record.result.test_loss == pytest.approx(float(found.mean_loss), rel=1e-6)
    assert record.result.test_score == pytest.approx(float(found.mean_score), rel=1e-6)


def test_a_restored_model_answers_as_it_did(session):
    records = list(session.store)
    assert len(records) == 2
    for record in records:
        same_test_loss(record, session)
    assert len({record.result.test_loss for record in records}) == 2


def test_models_of_every_kind_come_back_with_their_numbers(tiny_suite, tmp_path):
    content = tiny_suite.model_dump(exclude={"models"})
    content["seeds"] = [3]
    suite = type(tiny_suite).model_validate({**content, "models": MODELS_AND_NUMBERS})
    session = open_session(suite, tmp_path / "results")
    list(session.run(workers=0))
    records = list(session.store)
    assert {r.result.outcome for r in records} == {"finished"}
    assert len(records) == 3
    for record in records:
        same_test_loss(record, session)


@pytest.mark.parametrize(("kind", "name"), [("model", "elman"), ("task", "add")])
def test_another_version_is_refused(session, monkeypatch, kind, name):
    registry = MODELS if kind == "model" else TASKS
    newer = dataclasses.replace(registry[name], version="99")
    monkeypatch.setitem(registry._entries, name, newer)
    record = next(iter(session.store))
    with pytest.raises(ValueError, match=f"{kind} '{name}' was version 1.*99 now"):
        restore(record, session.store)


def test_an_entrant_that_is_gone_is_named(session, monkeypatch):
    _ = MODELS["elman"]
    monkeypatch.delitem(MODELS._entries, "elman")
    with pytest.raises(UnknownName, match="elman"):
        restore(next(iter(session.store)), session.store)


def test_missing_weights_are_said_to_be_missing(session):
    record = next(iter(session.store))
    (session.results / "weights" / f"{record.key}.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=record.key):
        restore(record, session.store)


def test_weights_of_another_shape_are_refused(session):
    first, second = session.store
    weights = dict(session.store.weights(first.key))
    name = next(iter(weights))
    weights[name] = np.zeros(3, np.float32)
    history = session.store.history(first.key)
    assert history is not None
    session.store.put(second, history, weights)
    with pytest.raises(ValueError, match="do not fit at"):
        restore(second, session.store)
