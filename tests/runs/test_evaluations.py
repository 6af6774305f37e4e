"""Evaluations lie beside records, in every store; merging brings them along."""

import json
import uuid
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nnarena.core.scoring import accuracy
from nnarena.runs.evaluations import (
    SCHEMA,
    Evaluation,
    evaluation_files,
    evaluation_key,
    keep_evaluation,
    missing_evaluations,
    read_evaluation,
    read_evaluations,
)
from nnarena.runs.files import name_of
from nnarena.runs.merge import merge
from nnarena.runs.record import Entrant, History, Record, to_json
from nnarena.runs.store import AbstractStore, DirectoryStore, open_store
from nnarena.runs.upgrade import upgrade

from .conftest import record as make
from .test_upgrade import older_record


TASK = Entrant(name="add", version="2", settings={"length": 400})


def answer(record: Record, score: float = 0.5, task: Entrant = TASK) -> Evaluation:
    return Evaluation(
        run=record.key,
        task=task,
        axis="length",
        scoring=accuracy(chance=0.1),
        outcome="finished",
        loss=0.25,
        score=score,
        rows=2000,
        provenance=record.provenance,
    )


def put(store: AbstractStore, record: Record) -> None:
    weights = {".w": np.arange(3, dtype=np.float32)}
    store.put(record, History(key=record.key), weights)


@pytest.fixture(params=["folder", "memory", "bucket"])
def store(request, tmp_path) -> AbstractStore:
    """An empty store of each kind."""
    if request.param == "folder":
        return open_store(tmp_path / "results")
    if request.param == "memory":
        pytest.importorskip("fsspec", reason="fsspec is missing (extra cloud)")
        return open_store(f"memory://{uuid.uuid4().hex}/results")
    return open_store(request.getfixturevalue("bucket") + "/results")


def test_what_was_kept_is_there(store):
    record = make()
    put(store, record)
    before = store.content("records", record.key)
    assert read_evaluations(store) == []
    pair = (record.key, TASK)
    assert missing_evaluations(store, [pair]) == [pair]
    keep_evaluation(store, answer(record))
    keep_evaluation(store, answer(record, 0.75))  # twice leaves one, the last
    assert read_evaluations(store) == [answer(record, 0.75)]
    assert read_evaluations(store, {"another"}) == []
    assert missing_evaluations(store, [pair]) == []
    assert list(store) == [record]
    assert store.content("records", record.key) == before


def test_a_key_tells_run_and_task_and_no_defaults():
    record, other = make(0), make(1)
    key = evaluation_key(record.key, TASK)
    assert key.partition("-")[0] == record.key
    told = TASK.model_copy(update={"defaults": {"rows": None}})
    assert evaluation_key(record.key, told) == key
    for task in (
        TASK.model_copy(update={"version": "3"}),
        TASK.model_copy(update={"settings": {"length": 401}}),
        TASK.model_copy(update={"name": "addd"}),
    ):
        assert evaluation_key(record.key, task) != key
    assert evaluation_key(other.key, TASK) != key
    assert name_of("evaluations", key) == f"evaluations/{key}.json"


@pytest.mark.parametrize("key", ["../x", "a-b-c", "-", "a/b", "a.b", "a--b"])
def test_no_other_key_has_a_file(key):
    with pytest.raises(ValueError, match="is not a key"):
        name_of("evaluations", key)


def test_a_run_as_if_it_had_been_of_that_task():
    record = make()
    told = answer(record).as_record(record)
    assert told.identity.task == TASK
    assert (told.result.test_score, told.result.test_rows) == (0.5, 2000)
    assert (told.key, told.axis) == (record.key, "length")
    lost = {"outcome": "cannot be asked", "score": None, "reason": "too long"}
    refused = answer(record).model_copy(update=lost).as_record(record)
    assert (refused.result.outcome, refused.result.reason) == ("failed", "too long")


def test_what_is_damaged_is_none_and_what_is_newer_is_left_alone(tmp_path):
    store, record = DirectoryStore(tmp_path), make()
    keep_evaluation(store, answer(record))
    (path,) = tmp_path.glob("evaluations/*")
    whole = json.loads(path.read_text())
    pair = (record.key, TASK)
    for text in ("", "{", "[]", json.dumps({**whole, "score": 1e99, "loss": "x"})):
        path.write_text(text)
        assert read_evaluations(store) == []
        assert missing_evaluations(store, [pair]) == [pair]
    path.write_text(json.dumps({**whole, "schema_version": SCHEMA + 1, "more": 1}))
    assert read_evaluations(store) == []
    assert missing_evaluations(store, [pair]) == []
    path.rename(path.with_name(f"{record.key}-other.json"))
    (path.with_name(f"{record.key}-other.json")).write_text(json.dumps(whole))
    assert read_evaluations(store) == []


@settings(max_examples=60, deadline=None, database=None)
@given(content=st.binary(max_size=200) | st.sampled_from([b"[]", b"1", b"null"]))
def test_no_bytes_break_the_reader(content):
    with pytest.raises(ValueError):  # noqa: PT011
        read_evaluation("abc-def", content)


# Merging.


@pytest.fixture
def stores(tmp_path) -> tuple[DirectoryStore, DirectoryStore]:
    return DirectoryStore(tmp_path / "from"), DirectoryStore(tmp_path / "into")


def fates(source, target, **options) -> list[tuple[str, str]]:
    return [(met.fate, met.reason) for met in merge([source], target, **options)]


def names(store: DirectoryStore) -> list[str]:
    return sorted(path.name for path in store.root.glob("evaluations/*"))


def test_evaluations_come_along_to_the_byte(stores):
    source, into = stores
    record = make()
    put(source, record)
    keep_evaluation(source, answer(record))
    assert fates(source, into, dry=True) == [("added", "")]
    assert names(into) == []
    assert fates(source, into) == [("added", "")]
    assert evaluation_files(into) == evaluation_files(source) != {}
    assert fates(source, into) == [("identical", "")]


def test_to_a_run_that_is_there_only_what_it_lacks_is_added(stores):
    source, into = stores
    record, more = make(), TASK.model_copy(update={"settings": {"length": 800}})
    for store in stores:
        put(store, record)
        keep_evaluation(store, answer(record))
    keep_evaluation(source, answer(record, task=more))
    later = record.provenance.model_copy(update={"finished_at": "2027-01-01"})
    elsewhere = answer(record).model_copy(update={"provenance": later})
    keep_evaluation(source, elsewhere)  # the same answer, on another day
    kept = evaluation_files(into)[record.key]
    assert fates(source, into) == [("identical", "")]
    found = evaluation_files(into)[record.key]
    assert len(found) == 2
    assert kept.items() <= found.items()


def test_other_answers_of_one_run_are_refused_and_both_kept(stores):
    source, into = stores
    record = make()
    for store, score in zip(stores, (0.5, 0.25), strict=True):
        put(store, record)
        keep_evaluation(store, answer(record, score))
    before = evaluation_files(source), evaluation_files(into)
    key = evaluation_key(record.key, TASK)
    reason = f"other answers to add (evaluations/{key}) than there"
    assert fates(source, into) == [("refused", reason)]
    assert (evaluation_files(source), evaluation_files(into)) == before


def test_upgraded_a_run_keeps_what_it_was_asked(tmp_path):
    """Evaluations go by the key of today, under which an older run is read too."""
    store = DirectoryStore(tmp_path)
    older = older_record()
    path = Path(tmp_path) / "records" / f"{older['key']}.json"
    path.parent.mkdir()
    path.write_text(json.dumps(older, indent=1) + "\n")
    (record,) = store
    keep_evaluation(store, answer(record))
    assert [one.kind for one in upgrade(store)] == ["run"]
    (today,) = DirectoryStore(tmp_path)
    assert today.key == record.key != older["key"]
    assert read_evaluations(DirectoryStore(tmp_path), {today.key}) == [answer(record)]


def test_an_evaluation_is_text_that_says_all():
    told = json.loads(to_json(answer(make())))
    assert told["schema_version"] == SCHEMA
    assert told["run"] == make().key
    assert told["scoring"]["metric"] == "accuracy"
    assert told["task"] == {
        "name": "add",
        "version": "2",
        "settings": {"length": 400},
        "defaults": {},
    }
