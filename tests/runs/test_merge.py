"""Stores come together whole; what overlaps is the same to the bit, or is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nnarena.cli import app
from nnarena.runs.merge import merge
from nnarena.runs.record import Cost, History, Record
from nnarena.runs.store import AbstractStore, DirectoryStore, name_of, open_store


WEIGHTS = {".w": np.arange(3, dtype=np.float32)}


def put(store: AbstractStore, record: Record, *, loss: float = 0.5, weights=WEIGHTS):
    history = History(key=record.key, series={"step": [1.0], "loss": [loss]})
    store.put(record, history, weights)


def files_of(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def fates(sources, target, **options) -> dict[str, tuple[str, str]]:
    return {
        met.key: (met.fate, met.reason) for met in merge(sources, target, **options)
    }


@pytest.fixture
def stores(tmp_path) -> tuple[DirectoryStore, DirectoryStore, DirectoryStore]:
    one, two, into = (DirectoryStore(tmp_path / name) for name in ("1", "2", "into"))
    return one, two, into


def test_disjoint_stores_become_their_union_to_the_byte(stores, make_record):
    one, two, into = stores
    for store, seeds in ((one, (0, 1)), (two, (2, 3))):
        for seed in seeds:
            put(store, make_record(seed))
    assert {fate for fate, _ in fates([one, two], into).values()} == {"added"}
    assert files_of(into.root) == {**files_of(one.root), **files_of(two.root)}


def test_merging_again_changes_nothing(stores, make_record):
    one, _, into = stores
    put(one, make_record())
    fates([one], into)
    before = files_of(into.root)
    assert fates([one], into) == {make_record().key: ("identical", "")}
    assert files_of(into.root) == before


def test_the_first_cost_and_provenance_stay(stores, make_record):
    one, _, into = stores
    dear = make_record().model_copy(update={"cost": Cost(run_seconds=1e6)})
    put(one, dear)
    put(into, make_record())
    assert fates([one], into) == {dear.key: ("identical", "")}
    assert list(into) == [make_record()]


@pytest.mark.parametrize("older_first", [True, False])
def test_records_without_the_number_of_test_rows_contradict_nothing(
    stores, make_record, older_first
):
    one, _, into = stores
    older = make_record()
    result = older.result.model_copy(update={"test_rows": 360})
    pair = [older, older.model_copy(update={"result": result})]
    put(one, pair[not older_first])
    put(into, pair[older_first])
    assert fates([one], into) == {older.key: ("identical", "")}
    other = result.model_copy(update={"test_rows": 100})
    put(one, older.model_copy(update={"result": other}))
    put(into, pair[1])
    assert fates([one], into)[older.key][0] == "refused"


OTHER = {
    "result": lambda r: {"record": r.model_copy(update={"result": worse(r)})},
    "history": lambda r: {"record": r, "loss": np.nextafter(0.5, 1.0).item()},
    "weights": lambda r: {"record": r, "weights": {".w": -WEIGHTS[".w"]}},
}
"""A run that differs in one of the parts that must be equal."""


def worse(record: Record):
    return record.result.model_copy(update={"test_score": 0.25})


@pytest.mark.parametrize("part", OTHER)
def test_other_bits_are_refused_and_both_kept(stores, make_record, part):
    one, _, into = stores
    put(one, **OTHER[part](make_record()))
    put(into, make_record())
    before = files_of(one.root), files_of(into.root)
    reason = f"other {part} than in {into.address}"
    assert fates([one], into) == {make_record().key: ("refused", reason)}
    assert (files_of(one.root), files_of(into.root)) == before


@pytest.mark.parametrize("dry", [True, False])
def test_two_sources_that_contradict_each_other(stores, make_record, dry):
    """The first comes in, the second is refused; a dry run foresees it."""
    one, two, into = stores
    put(one, make_record())
    put(two, make_record(), loss=0.75)
    told = [(met.source, met.fate) for met in merge([one, two], into, dry=dry)]
    assert told == [(one.address, "added"), (two.address, "refused")]
    assert not dry or not into.root.exists()


def test_a_failed_run_gives_way_to_a_finished_one_and_never_comes_over_it(
    stores, make_record
):
    one, two, into = stores
    failed, finished = make_record(outcome="failed"), make_record()
    put(one, failed, weights={})
    put(two, finished)
    met = list(merge([one, two, one], into))
    assert [run.fate for run in met] == ["added", "added", "passed over"]
    assert list(into) == [finished]
    assert files_of(into.root) == files_of(two.root)


def test_what_was_not_copied_is_brought_along(stores, make_record):
    one, two, into = stores
    put(one, make_record())
    put(two, make_record())
    fates([one], into)
    for store, kind in ((into, "weights"), (two, "history")):
        store._remove(name_of(kind, make_record().key))
    assert fates([two], into) == {make_record().key: ("identical", "")}
    assert files_of(into.root) == files_of(one.root)


@pytest.mark.parametrize("kind", ["history", "weights"])
@pytest.mark.parametrize("cut", [0, 20])
def test_damaged_files_are_refused(stores, make_record, kind, cut):
    one, _, into = stores
    put(one, make_record())
    path = one.root / name_of(kind, make_record().key)
    path.write_bytes(path.read_bytes()[:cut])
    reason = (
        "its history is damaged" if kind == "history" else "its weights are damaged"
    )
    assert fates([one], into) == {make_record().key: ("refused", reason)}
    assert not into.root.exists()


def test_a_damaged_record_is_not_written_over(stores, make_record):
    one, _, into = stores
    put(one, make_record())
    place = into.root / name_of("records", make_record().key)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"{")
    [(fate, reason)] = fates([one], into).values()
    assert fate == "refused"
    assert "is damaged" in reason
    assert place.read_bytes() == b"{"


def test_a_checkpoint_is_forgotten_when_its_run_comes_in(stores, make_record):
    one, _, into = stores
    put(one, make_record())
    into.put_checkpoint(make_record().key, WEIGHTS, {})
    fates([one], into)
    assert into.checkpoint(make_record().key) is None


def test_a_folder_merges_into_a_bucket_and_back(stores, make_record, bucket):
    one, two, _ = stores
    put(one, make_record())
    away = open_store(f"{bucket}/results")
    assert fates([one], away) == {make_record().key: ("added", "")}
    fates([away], two)
    assert files_of(two.root) == files_of(one.root)


def told(*words: str, code: int) -> str:
    answer = CliRunner().invoke(app, ["merge", *words])
    assert answer.exit_code == code, answer.output
    assert "Traceback" not in answer.output
    return answer.output


def test_the_command_counts_and_names_what_it_refuses(stores, make_record):
    one, two, into = stores
    for seed in (0, 1):
        put(one, make_record(seed))
    put(two, make_record(1), loss=0.75)
    (two.root / "records" / "abc.json").write_bytes(b"half")
    words = [store.address for store in stores]
    would = told(*words, "--dry-run", code=1)
    assert "2 would be added, 0 identical" in would
    assert not into.root.exists()
    said = told(*words, code=1)
    assert "2 added, 0 identical (the first stays), 0 failed runs" in said
    assert "1 refused, 1 unreadable" in said
    assert f"refused {make_record(1).key} (lstm on add, seed 1) from" in said
    assert "other history than in" in said
    assert "left out" in said
    assert "2 identical" in told(one.address, into.address, code=0)


def test_the_command_speaks_json(stores, make_record):
    one, _, into = stores
    put(one, make_record())
    answer = json.loads(told(one.address, into.address, "--json", code=0))
    assert answer["into"] == into.address
    assert answer["unreadable"] == []
    assert [run["fate"] for run in answer["runs"]] == ["added"]


def test_slips_are_told_before_anything_is_written(stores, make_record, tmp_path):
    one, _, into = stores
    put(one, make_record())
    assert "at least two" in told(one.address, code=2)
    assert "no records" in told(one.address, str(tmp_path / "no"), into.address, code=2)
    into.root.parent.joinpath("link").symlink_to(one.root)
    link = str(into.root.parent / "link")
    assert "into itself" in told(one.address, link, code=2)
    assert not into.root.exists()
