"""A store keeps its contract wherever it is: in a folder, in memory, in a bucket."""

import sys
import uuid

import numpy as np
import pytest

from nnarena.core.problems import StoreProblem
from nnarena.runs.object_store import ObjectStore
from nnarena.runs.record import History, to_json
from nnarena.runs.store import AbstractStore, DirectoryStore, open_store


WEIGHTS = {
    ".weight": np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32),
    ".transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    ".odd": np.array([np.nan, -0.0, np.inf], np.float32),
}


def curve(key: str) -> History:
    return History(key=key, series={"step": [5.0, 10.0], "loss": [0.1, None]})


@pytest.fixture(params=["folder", "memory", "bucket"])
def address(request, tmp_path) -> str:
    """The address of an empty store of each kind."""
    if request.param == "folder":
        return str(tmp_path / "results")
    if request.param == "memory":
        pytest.importorskip("fsspec", reason="fsspec is missing (extra cloud)")
        return f"memory://{uuid.uuid4().hex}/results"
    return request.getfixturevalue("bucket") + "/some where/results"


@pytest.fixture
def store(address) -> AbstractStore:
    return open_store(address)


def assert_same(ours, theirs) -> None:
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        assert array.shape == theirs[name].shape
        assert array.tobytes() == theirs[name].tobytes()


def test_an_empty_store_has_nothing(store):
    assert list(store) == store.unreadable() == []
    assert "abc" not in store
    assert store.finished(["abc", "abd"]) == set()
    assert store.history("abc") is store.checkpoint("abc") is None
    assert store.content("weights", "abc") is None
    with pytest.raises(FileNotFoundError):
        store.weights("abc")


def test_a_run_is_read_as_it_was_put(store, make_record):
    store.prepare()
    records = [make_record(seed) for seed in (2, 0, 1)]
    for record in records:
        store.put(record, curve(record.key), WEIGHTS)
    records.sort(key=lambda record: record.key)
    keys = [record.key for record in records]
    assert list(store) == records
    assert store.finished([*keys, "abc"]) == set(keys)
    assert store.histories(keys) == {key: curve(key) for key in keys}
    assert_same(store.weights(keys[0]), WEIGHTS)
    assert store.unreadable() == []
    assert store.put_page("<p>ü") == store.place("report.html")


def test_a_checkpoint_is_there_until_its_run_is(store, make_record):
    record = make_record()
    for notes in ({"check": "1"}, {"check": "2", "ünï": "{}"}):
        store.put_checkpoint(record.key, WEIGHTS, notes)
        arrays, found = store.checkpoint(record.key)
        assert found == notes
        assert_same(arrays, WEIGHTS)
    assert record.key not in store
    store.put(record, curve(record.key), WEIGHTS)
    assert store.checkpoint(record.key) is None


def test_what_others_write_is_seen_at_once(address, make_record):
    """A listing that a client remembers would hide the runs of other machines."""
    mine, theirs = open_store(address), open_store(address)
    for seed in range(3):
        assert len(list(mine)) == seed
        theirs.put(make_record(seed), curve(make_record(seed).key), {})
    assert len(list(mine)) == 3


def test_a_damaged_record_hides_no_other_and_is_named(store, make_record):
    damaged, whole = make_record(0), make_record(1)
    store.put(whole, curve(whole.key), {})
    half = to_json(damaged).encode()[:100]
    store._write(f"records/{damaged.key}.json", half)
    store._write("records/abc.json", to_json(whole).encode())
    assert list(store) == [whole]
    assert store.finished([damaged.key, whole.key]) == {whole.key}
    places = {place for place, _ in store.unreadable()}
    names = {f"records/{damaged.key}.json", "records/abc.json"}
    assert places == {store.place(name) for name in names}


def test_what_is_damaged_is_moved_out_of_the_way(store):
    assert store.set_aside("records", "abc") is None
    store.put_text("records", "abc", "half")
    place = store.set_aside("records", "abc")
    assert place is not None
    assert place.startswith(store.place("set-aside/records-abc-"))
    assert store.keys("records") == store.unreadable() == []
    assert store.content("records", "abc") is None


def test_texts_and_claims(store):
    store.put_text("progress", "abc", "{}")
    assert store.text("progress", "abc") == "{}"
    assert store.text("progress", "abd") is None
    assert store.keys("progress") == ["abc"]
    claim = store.claim("abc")
    assert claim is not None
    claim.release()


def test_stores_side_by_side_do_not_mix(address, make_record):
    left, right = open_store(f"{address}/left"), open_store(f"{address}/right/")
    left.put(make_record(), curve(make_record().key), {})
    assert list(right) == list(open_store(address)) == []
    assert len(list(left)) == 1
    assert open_store(right.address).address == right.address


@pytest.mark.parametrize("key", ["", "..", "../x", "a/b", "/etc/passwd", "a\0b", "é"])
def test_hostile_keys_are_refused(store, key):
    for act in (
        lambda: store.put_checkpoint(key, WEIGHTS, {}),
        lambda: store.checkpoint(key),
        lambda: store.put_text("logs", key, "text"),
        lambda: store.set_aside("records", key),
        lambda: store.content("history", key),
    ):
        with pytest.raises(ValueError, match="is not a key of a run"):
            act()
    assert key not in store


def test_a_path_is_a_folder(tmp_path):
    assert isinstance(open_store(tmp_path), DirectoryStore)
    assert isinstance(open_store("some/folder"), DirectoryStore)


@pytest.mark.parametrize("address", ["s3://", "ftp://host/x", "http://host/x", "://x"])
def test_other_addresses_are_refused_in_a_sentence(address):
    with pytest.raises(StoreProblem, match=r"is not a store: give a folder, or s3://"):
        open_store(address)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(StoreProblem, match=r"pip install '\.\[cloud"):
        open_store("s3://bucket/prefix")


def test_a_missing_bucket_is_told_before_any_work(bucket):
    store = open_store(f"{bucket}-of-nobody/results")
    told = r"^s3://[^\n]*bucket does not exist; look at the bucket[^\n]*$"
    with pytest.raises(OSError, match=told):
        store.prepare()


def test_a_storage_out_of_reach_is_no_empty_store(bucket, monkeypatch, make_record):
    """Or a whole matrix would be run again because a network was down."""
    store = open_store(f"{bucket}/results")
    assert isinstance(store, ObjectStore)
    monkeypatch.setattr(store._files, "cat_file", _down)
    for ask in (store.finished, store.histories):
        with pytest.raises(StoreProblem, match="ConnectionError: the network is down"):
            ask([make_record().key])
    with pytest.raises(StoreProblem, match="the network is down"):
        store.checkpoint(make_record().key)


def _down(path):
    raise ConnectionError("the network is down")
