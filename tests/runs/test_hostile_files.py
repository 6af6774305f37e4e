"""Files of anybody's store: read whole, or refused in a sentence; nothing else happens.

No reader crashes, runs code, or writes outside the store, whatever the bytes.
"""

import contextlib
import json
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from nnarena.runs.files import read_arrays, read_named_history, to_safetensors
from nnarena.runs.merge import merge
from nnarena.runs.plans import read_plans
from nnarena.runs.progress import read_progress
from nnarena.runs.record import SCHEMA, History, Identity, read_record, to_json
from nnarena.runs.store import SUFFIXES, DirectoryStore

from .conftest import record as make


few = settings(
    max_examples=80,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

RECORD = json.loads(to_json(make()))
HISTORY = History(key="abc", series={"step": [1.0, 2.0], "loss": [0.5, None]})
ARRAYS = to_safetensors({"a": np.arange(6.0), "b": np.array(1, np.int32)}, {"n": "x"})

texts = st.text(max_size=8) | st.sampled_from(
    ["../../x", "/etc/passwd", "C:\\x", "a\0b", "\x1b[31m", "\ud800", "‮", "{{7*7}}"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**30, 10**400, -(10**400), 2**63, -1])
    | st.floats()
    | texts
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=8,
)


def paths(content, prefix=()) -> list[tuple]:
    """Returns the places in a JSON value, each as the keys that lead there."""
    found = [prefix] if prefix else []
    items = content.items() if isinstance(content, dict) else ()
    for key, value in items:
        found += paths(value, (*prefix, key))
    return found


def replaced(content: dict, path: tuple, value) -> dict:
    copy = json.loads(json.dumps(content))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


def told(reader, *arguments) -> str:
    """Returns what a reader says against a content; empty where it takes it."""
    try:
        reader(*arguments)
    except ValueError as error:
        return str(error) or "refused"
    return ""


def written(content) -> bytes:
    """Returns JSON as an attacker may write it: NaN, Infinity and surrogates too."""
    return json.dumps(content).encode("utf-8", "surrogatepass")


@few
@given(data=st.data())
def test_a_record_with_anything_anywhere_is_whole_or_refused(data):
    path = data.draw(st.sampled_from(paths(RECORD)))
    changed = replaced(RECORD, path, data.draw(anything))
    with contextlib.suppress(ValueError):  # an attacker knows the key that fits
        changed["key"] = Identity.model_validate(changed["identity"]).key
    text = written(changed)
    if not told(read_record, text):
        record = read_record(text)
        again = to_json(record)
        assert read_record(again) == record
        assert record.key.isalnum()
        assert record.identity.label.isprintable() or "‮" in again


@few
@given(content=st.binary(max_size=400))
def test_no_bytes_break_a_reader(content):
    for reader, arguments in (
        (read_record, ()),
        (read_named_history, ("history/abc.json",)),
        (read_arrays, ()),
    ):
        told(reader, *arguments, content)


@pytest.mark.parametrize(
    "whole", [written(RECORD), to_json(HISTORY).encode()], ids=["record", "history"]
)
def test_a_cut_text_is_refused(whole):
    reader = read_record if b"identity" in whole else History.model_validate_json
    end = len(whole.rstrip())
    for size in range(0, end, 7):
        assert told(reader, whole[:size])
    assert told(reader, whole) == ""


def test_cut_arrays_are_refused():
    for size in range(len(ARRAYS)):
        assert told(read_arrays, ARRAYS[:size])
    assert told(read_arrays, ARRAYS) == ""


@pytest.mark.parametrize(
    "value",
    ["1e999", "-1e999", "NaN", "Infinity", "9" * 400, "9" * 5000, "1e300"],
    ids=["1e999", "-1e999", "NaN", "Infinity", "400 digits", "5000 digits", "1e300"],
)
def test_numbers_that_are_none_or_huge_are_refused(value):
    for old in ('"steps": 100', '"test_score": 0.3333333333333333', '"chance": 0.1'):
        text = json.dumps(RECORD)
        assert old in text
        assert told(read_record, text.replace(old, old.split(":")[0] + ": " + value))
    curve = to_json(HISTORY).replace("2.0", value)
    assert told(read_named_history, "history/abc.json", curve.encode())


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_deep_nesting_is_refused(bracket):
    deep = bracket * 100_000
    for text in (deep, json.dumps(RECORD).replace('"family": ', f'"family": {deep}')):
        assert told(read_record, text)
    assert told(read_named_history, "history/abc.json", deep.encode())
    assert told(read_arrays, safetensors(b'{"a":' + deep.encode()))


def test_a_scale_without_a_length_is_refused():
    """Scores are divided by it."""
    flat = replaced(RECORD, ("scoring", "best"), RECORD["scoring"]["chance"])
    assert "same score" in told(read_record, written(flat))


def test_a_history_is_a_table_of_a_known_schema():
    uneven = {"key": "abc", "series": {"step": [1, 2], "loss": [1]}}
    name = "history/abc.json"
    assert "equally long" in told(read_named_history, name, written(uneven))
    for step in (None, -1, 1e18):
        odd = {"key": "abc", "series": {"step": [step]}}
        assert "are not steps" in told(read_named_history, name, written(odd))
    newer = {"schema_version": SCHEMA + 1, "key": "abc", "series": {}}
    assert told(read_named_history, name, written(newer))
    other = {"key": "abd", "series": {}}
    assert "another name" in told(read_named_history, name, written(other))


def safetensors(header, body: bytes = b"", size: int | None = None) -> bytes:
    """Returns a file as its format has it: size of the header, header, numbers."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + body


def tensor(dtype: str, shape: list[int], end: int) -> dict:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}}


HEADERS = {
    "a header of 8 EiB": safetensors(b"{}", size=2**63),
    "a header of 100 MB": safetensors(b"{}", size=10**8),
    "a header past the end": safetensors(b"{}", size=3),
    "no map": safetensors([1]),
    "a negative shape": safetensors(tensor("F32", [-1], 4), b"1234"),
    "a shape past the end": safetensors(tensor("F32", [2**40], 4), b"1234"),
    "a shape that overflows": safetensors(tensor("F32", [2**33, 2**33], 4), b"1234"),
    "nothing in a huge shape": safetensors(tensor("F32", [0, 2**62], 0)),
    "100 axes": safetensors(tensor("F32", [1] * 100, 4), b"1234"),
    "a type that numpy has not": safetensors(tensor("BF16", [2], 4), b"1234"),
    "a type of half bytes": safetensors(tensor("F4", [2], 1), b"1"),
    "a type that nobody has": safetensors(tensor("F31", [2], 4), b"1234"),
    "notes that are not texts": safetensors({"__metadata__": {"a": [1]}}),
    "notes with half a letter": safetensors(b'{"__metadata__":{"a":"\\ud800"}}'),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lies_is_refused(name):
    assert told(read_arrays, HEADERS[name])


def test_what_an_exception_said_is_shown_and_not_obeyed():
    odd = replaced(RECORD, ("result", "reason"), "\x1b]0;title\x07 no\nluck ✓")
    assert read_record(written(odd)).result.reason == "�]0;title� no�luck ✓"


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@few
@given(content=st.binary(max_size=200) | anything.map(written))
def test_no_file_breaks_a_store_or_what_is_done_with_it(content):
    """Whatever lies in the place of any file; and nothing is written beside a store."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "results"
        store, into = DirectoryStore(root), DirectoryStore(Path(folder) / "into")
        for kind, suffix in SUFFIXES.items():
            (root / kind).mkdir(parents=True)
            (root / kind / f"abc{suffix}").write_bytes(content)
        before = files_below(Path(folder))
        assert list(store) == []
        assert store.finished(["abc"]) == set()
        assert store.history("abc") is None
        assert store.text("logs", "abc") is not None
        read_progress(store, "abc")
        list(read_plans(store))
        checkpoint = store.checkpoint("abc")
        assert checkpoint is None or checkpoint[0] == {}
        told(store.weights, "abc")
        assert list(merge([store], into)) == []
        assert files_below(Path(folder)) == before


@few
@given(name=texts, data=st.data())
def test_names_in_a_record_are_no_paths(name, data):
    """Files are called by the hash of an identity, never by what stands in it."""
    part = data.draw(st.sampled_from(["model", "task", "trainer"]))
    changed = replaced(RECORD, ("identity", part, "name"), name)
    try:
        changed["key"] = Identity.model_validate(changed["identity"]).key
        record = read_record(written(changed))
    except ValueError:
        return
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder) / "a" / "results")
        store.put(record, History(key=record.key), {})
        names = {
            f"a/results/{kind}/{record.key}.json" for kind in ("records", "history")
        }
        found = {n for n in files_below(Path(folder)) if n.endswith(".json")}
        assert found == names
