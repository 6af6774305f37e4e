"""A store keeps whole runs or nothing, whoever writes, crashes or copies beside it."""

import errno
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from nnarena.core.problems import StoreProblem
from nnarena.runs.record import SCHEMA, History, Record, to_json
from nnarena.runs.store import SUFFIXES, DirectoryStore


WEIGHTS = {
    ".cell['weight']": np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32),
    ".transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    ".step": np.array(7, np.int32),
    ".stopped": np.array(False),
    ".key": np.array([1, 2**32 - 1], np.uint32),
    ".odd": np.array([np.nan, -0.0, np.inf, 1e-45], np.float32),
    ".empty": np.zeros((0, 3), np.float32),
}

ENDS = tuple(SUFFIXES.values())

few = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # all are constant
)


def history_of(record: Record) -> History:
    """Returns a curve of two checks."""
    return History(key=record.key, series={"step": [5.0, 10.0], "loss": [0.1, None]})


def put(store: DirectoryStore, record: Record, weights=WEIGHTS) -> None:
    """Keeps a run with its curve."""
    store.put(record, history_of(record), weights)


def files_of(store: DirectoryStore) -> dict[str, bytes]:
    """Returns the content of all files by name, hidden ones too."""
    found = [path for path in store.root.rglob("*") if path.is_file()]
    return {str(path.relative_to(store.root)): path.read_bytes() for path in found}


def assert_same_arrays(ours, theirs) -> None:
    """Holds two sets of arrays to the same bits, shapes and types."""
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        assert array.shape == theirs[name].shape, name
        assert array.dtype == theirs[name].dtype, name
        assert array.tobytes() == theirs[name].tobytes(), name


@pytest.fixture
def store(tmp_path) -> DirectoryStore:
    """An empty store, whose folder is not there yet."""
    return DirectoryStore(tmp_path / "results")


def test_an_empty_store_has_nothing(store):
    assert list(store) == store.unreadable() == []
    assert "abc" not in store
    assert store.history("abc") is store.checkpoint("abc") is None
    with pytest.raises(FileNotFoundError):
        store.weights("abc")
    assert not store.root.exists(), "reading made a folder"


def test_a_run_is_read_as_it_was_put(store, make_record):
    record = make_record()
    put(store, record)
    assert record.key in store
    assert list(store) == [record]
    assert store.history(record.key) == history_of(record)
    assert_same_arrays(store.weights(record.key), WEIGHTS)
    assert store.unreadable() == []


def test_putting_twice_leaves_one(store, make_record):
    put(store, make_record())
    before = files_of(store)
    put(store, make_record())
    assert files_of(store) == before
    assert len(before) == 3


def test_runs_come_by_key(store, make_record):
    records = [make_record(seed) for seed in (2, 0, 1)]
    for record in records:
        put(store, record)
    keys = [record.key for record in store]
    assert keys == sorted(record.key for record in records)


def test_a_failed_run_is_listed_but_not_done(store, make_record):
    failed = make_record(outcome="failed")
    store.put(failed, history_of(failed), {})
    assert failed.key not in store
    assert list(store) == [failed]
    put(store, make_record())
    assert failed.key in store
    assert list(store) == [make_record()]


def test_a_diverged_run_is_done(store, make_record):
    put(store, make_record(outcome="diverged"))
    assert make_record().key in store


class Crash(BaseException):
    """A kill, as far as a test can be killed."""


@pytest.mark.parametrize("cleaned", [True, False], ids=["unwound", "killed"])
@pytest.mark.parametrize("survived", [0, 1, 2])
def test_a_crash_leaves_no_half_run(store, make_record, monkeypatch, survived, cleaned):
    """The record is renamed last, so before it nothing counts as done.

    Killed outright, a process cannot even remove its temporary file.
    """
    first, second = make_record(0), make_record(1)
    put(store, first)
    store.put_checkpoint(second.key, WEIGHTS, {"check": "3"})
    done, replace = [], os.replace

    def crash(source, target):
        if len(done) == survived:
            raise Crash
        done.append(Path(target).parent.name)
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", crash)
        if not cleaned:
            patched.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(Crash):
            put(store, second)
    assert done == ["weights", "history", "records"][:survived]
    assert second.key not in store
    assert list(store) == [first]
    assert store.unreadable() == []
    assert store.checkpoint(second.key) is not None, "what could be resumed is lost"
    temporary = [name for name in files_of(store) if not name.endswith(ENDS)]
    assert len(temporary) == (0 if cleaned else 1)
    put(store, second)
    assert {record.key for record in store} == {first.key, second.key}
    assert_same_arrays(store.weights(second.key), WEIGHTS)


def test_a_crash_while_writing_keeps_the_older_file(store, monkeypatch):
    store.put_checkpoint("abc", WEIGHTS, {"check": "1"})

    def full(descriptor):
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            store.put_checkpoint("abc", {}, {"check": "2"})
    arrays, notes = store.checkpoint("abc")
    assert notes == {"check": "1"}
    assert_same_arrays(arrays, WEIGHTS)
    assert list(files_of(store)) == ["checkpoints/abc.safetensors"]


def test_what_is_flushed_is_the_whole_file(store, make_record, monkeypatch):
    """Renamed before it was flushed, a file may be empty after a power cut."""
    sizes, fsync = [], os.fsync
    record = make_record()

    def watch(descriptor):
        sizes.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    put(store, record)
    kinds = ("weights", "history", "records")
    names = [f"{kind}/{record.key}{SUFFIXES[kind]}" for kind in kinds]
    assert sizes == [len(files_of(store)[name]) for name in names]


def test_files_obey_the_umask(store, make_record):
    """Colleagues in a shared folder can read what the user's umask lets them."""
    put(store, make_record())
    plain = store.root / "plain"
    plain.touch()
    modes = {
        stat.S_IMODE(path.stat().st_mode)
        for path in store.root.rglob("*")
        if path.is_file()
    }
    assert modes == {stat.S_IMODE(plain.stat().st_mode)}


def spoil(store: DirectoryStore, key: str, content: bytes) -> Path:
    """Writes over a record; returns its path."""
    path = store.root / "records" / f"{key}.json"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["empty", "cut", "garbage", "another run's"])
def test_a_damaged_record_hides_no_other(store, make_record, kind):
    records = [make_record(seed) for seed in range(3)]
    for record in records:
        put(store, record)
    damaged, *whole = records
    text = to_json(damaged).encode()
    contents = {
        "empty": b"",
        "cut": text[: len(text) // 2],
        "garbage": bytes(range(256)),
        "another run's": to_json(whole[0]).encode(),
    }
    path = spoil(store, damaged.key, contents[kind])
    assert damaged.key not in store
    assert {record.key for record in store} == {record.key for record in whole}
    [(file, reason)] = store.unreadable()
    assert file == str(path)
    assert reason
    assert "\n" not in reason


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_file_that_cannot_be_had_is_no_absence(
    store, make_record, monkeypatch, number
):
    """A run must not be done again because a colleague's record is closed to us."""
    record = make_record()
    put(store, record)
    store.put_checkpoint("abc", WEIGHTS, {})

    def refuse(path):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    for act in (
        lambda: record.key in store,
        lambda: list(store),
        store.unreadable,
        lambda: store.content("history", record.key),
        lambda: store.checkpoint("abc"),
    ):
        with pytest.raises(StoreProblem, match=r"\w+\.\w+ cannot be read"):
            act()


def test_what_a_newer_package_recorded_is_neither_done_nor_undone(store, make_record):
    record, other = make_record(0), make_record(1)
    put(store, other)
    newer = record.model_copy(update={"schema_version": SCHEMA + 1})
    path = spoil(store, record.key, to_json(newer).encode())
    said = f"{path}: the record has schema {SCHEMA + 1}.*: update the package"
    with pytest.raises(StoreProblem, match=said):
        store.finished([other.key, record.key])
    assert list(store) == [other]
    assert [place for place, _ in store.unreadable()] == [str(path)]


@few
@given(content=st.binary(max_size=300))
def test_no_bytes_break_the_reader(tmp_path_factory, content):
    store = DirectoryStore(tmp_path_factory.getbasetemp() / "bytes")
    for folder in ("records", "history", "checkpoints"):
        (store.root / folder).mkdir(parents=True, exist_ok=True)
        (store.root / folder / f"abc{SUFFIXES[folder]}").write_bytes(content)
    assert "abc" not in store
    assert list(store) == []
    assert [Path(file).name for file, _ in store.unreadable()] == ["abc.json"]
    assert store.history("abc") is None
    checkpoint = store.checkpoint("abc")
    assert checkpoint is None or checkpoint[0] == {}


@few
@given(data=st.data())
def test_no_flipped_byte_breaks_the_reader(tmp_path_factory, make_record, data):
    record = make_record()
    text = bytearray(to_json(record).encode())
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] = data.draw(st.integers(0, 255))
    store = DirectoryStore(tmp_path_factory.getbasetemp() / "flipped")
    (store.root / "records").mkdir(parents=True, exist_ok=True)
    spoil(store, record.key, bytes(text))
    assert len(list(store)) + len(store.unreadable()) == 1
    assert all(found.key == record.key for found in store)


def test_deep_json_is_refused(store):
    (store.root / "records").mkdir(parents=True)
    spoil(store, "abc", b"[" * 100_000)
    spoil(store, "abd", b'{"a":' * 100_000)
    assert "abc" not in store
    assert len(store.unreadable()) == 2


def test_a_copy_under_another_name_is_not_counted_twice(store, make_record):
    """As file synchronization leaves them behind."""
    record = make_record()
    put(store, record)
    path = store.root / "records" / f"{record.key}.json"
    shutil.copy(path, path.with_name(f"{record.key} (conflicted copy).json"))
    shutil.copy(path, path.with_name("abc.json"))
    assert list(store) == [record]
    assert "abc" not in store
    assert len(store.unreadable()) == 2


def test_stores_merge_by_copying(tmp_path, make_record):
    left, right = DirectoryStore(tmp_path / "left"), DirectoryStore(tmp_path / "right")
    for seed in (0, 1):
        put(left, make_record(seed))
    for seed in (1, 2):
        put(right, make_record(seed))
    shutil.copytree(right.root, left.root, dirs_exist_ok=True)
    assert sorted(record.identity.seed for record in left) == [0, 1, 2]
    for record in left:
        assert left.history(record.key) == history_of(record)
        assert_same_arrays(left.weights(record.key), WEIGHTS)


HOSTILE = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/etc/passwd",
    "a\\b",
    "a.b",
    "a\0b",
    "é",
    "a b",
]


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_keys_are_refused(store, make_record, key):
    hostile = make_record().model_copy(update={"key": key})
    for act in (
        lambda: store.put(hostile, History(key=key), {}),
        lambda: store.put_checkpoint(key, WEIGHTS, {}),
        lambda: store.checkpoint(key),
        lambda: store.put_text("logs", key, "text"),
        lambda: store.weights(key),
    ):
        with pytest.raises(ValueError, match="is not a key of a run"):
            act()
    assert key not in store
    assert list(store.root.parent.iterdir()) == []


def test_a_checkpoint_is_read_as_it_was_put_and_gone_when_the_run_is(
    store, make_record
):
    record, other = make_record(0), make_record(1)
    for notes in ({"check": "1"}, {"check": "2", "ünï": "{}"}):
        store.put_checkpoint(record.key, WEIGHTS, notes)
        arrays, found = store.checkpoint(record.key)
        assert found == notes
        assert_same_arrays(arrays, WEIGHTS)
    store.put_checkpoint(other.key, WEIGHTS, {})
    assert record.key not in store
    put(store, record)
    assert store.checkpoint(record.key) is None
    assert store.checkpoint(other.key) is not None


def test_a_cut_checkpoint_is_none(store):
    store.put_checkpoint("abc", WEIGHTS, {"check": "1"})
    path = store.root / "checkpoints" / "abc.safetensors"
    whole = path.read_bytes()
    for size in (0, 4, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert store.checkpoint("abc") is None
    path.write_bytes(whole)
    assert store.checkpoint("abc") is not None


def test_a_log_is_kept(store):
    store.put_text("logs", "abc", "Traceback …\n")
    assert files_of(store) == {"logs/abc.txt": "Traceback …\n".encode()}
