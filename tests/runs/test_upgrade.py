"""Stores of schema 1 are read as those of today, and rewritten on request."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnarena.analysis.frame import runs_frame
from nnarena.cli import app
from nnarena.models import MODELS
from nnarena.models.contender import Contender
from nnarena.runs.older import HEAD, _baselines, older_key
from nnarena.runs.plans import read_plans
from nnarena.runs.record import History, read_record, to_json
from nnarena.runs.store import DirectoryStore
from nnarena.runs.upgrade import upgrade
from nnarena.suite.config import load_suite
from nnarena.suite.plan import make_jobs
from nnarena.tasks import TASKS
from nnarena.training import TRAINERS


ROOT = Path(__file__).parents[2]
STORES = sorted(
    path.parent
    for path in (ROOT / "results").rglob("records")
    if any(HEAD.match(file.read_bytes()[:64]) for file in path.iterdir())
)
"""The committed stores of schema 1: an upgrade leaves others as they are."""


def older_record(weight_decay: float = 0.0, **changes) -> dict:
    """Returns a record as schema 1 wrote it: an LSTM, without decay as it is today."""
    make = TRAINERS["gradient_descent"].make
    recipe = dataclasses.asdict(make(steps=50, weight_decay=weight_decay))
    known = _baselines()["trainer"]["gradient_descent"]  # what there was to set then
    recipe = {name: value for name, value in recipe.items() if name in known}
    identity = {
        "model": {
            "name": "lstm",
            "version": "1",
            "numbers": {**_baselines()["model"]["lstm"], **changes},
        },
        "width": 8,
        "task": {"name": "add", "version": "1", "numbers": {"length": 9, "rows": None}},
        "trainer": {"name": "gradient_descent", "version": "1", "numbers": recipe},
        "seed": 0,
    }
    del identity["model"]["numbers"]["checkpoint"]  # it was not written while "none"
    scoring = TASKS["add"].make(length=9).scoring.model_dump()
    return {
        "schema_version": 1,
        "key": older_key(identity),
        "identity": identity,
        "family": "gated",
        "scoring": scoring,
        "result": {"outcome": "finished", "steps": 50, "test_score": 0.1}
        | {"test_loss": 0.1},
        "cost": {},
        "provenance": {
            "started_at": "2026-03-01T09:00:00+00:00",
            "finished_at": "2026-03-01T09:05:00+00:00",
            "versions": {},
            "commit": None,
            "hardware": {},
            "executor": "local",
        },
    }


@pytest.fixture
def old_store(tmp_path: Path) -> DirectoryStore:
    """A store of schema 1 with one run: record, history, weights."""
    content = older_record()
    key = content["key"]
    history = {"schema_version": 1, "key": key, "series": {"step": [50.0]}}
    for kind, value in (("records", content), ("history", history)):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{key}.json").write_text(json.dumps(value, indent=1))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / f"{key}.txt").write_text("said")
    return DirectoryStore(tmp_path)


def planned_key(weight_decay: float = 0.0, **settings) -> str:
    """Returns the key that the run of `older_record` is planned under today."""
    suite = load_suite("smoke", {"width": 8, "seeds": [0], "trainer": {"steps": 50}})
    changes = {
        "models": [{"name": "lstm", **settings}],
        "tasks": [{"name": "add", "length": 9}],
        "trainer": {"steps": 50, "checks": 20, "weight_decay": weight_decay},
        "seeds": [0],
        "width": 8,
    }
    (job,) = make_jobs(suite.model_validate({**suite.model_dump(), **changes}))
    return job.key


def test_the_defaults_of_schema_1_are_the_baselines_of_today():
    """So that an older run and one planned today that does the same have one key."""
    table = _baselines()
    for entry in MODELS:
        if entry.name in table["model"]:
            today = entry.baseline(Contender(entry.name).frame)
            then = table["model"][entry.name]
            assert json.loads(json.dumps({name: today[name] for name in then})) == then
    for registry, part in ((TASKS, "task"), (TRAINERS, "trainer")):
        for name, then in table[part].items():
            today = registry[name].baseline()
            assert json.loads(json.dumps({name: today[name] for name in then})) == then


@pytest.mark.parametrize("settings", [{}, {"forget_bias": 3.0}, {"depth": 2}], ids=str)
def test_an_older_run_has_the_key_that_its_plan_has_today(settings):
    record = read_record(json.dumps(older_record(**settings)))
    assert record.key == planned_key(**settings)


def test_an_older_run_with_decay_is_done_again():
    """Which weights are decayed has changed: the trainer's version is 2 with decay."""
    record = read_record(json.dumps(older_record(weight_decay=0.01)))
    assert record.identity.trainer.version == "1"
    assert record.key != planned_key(weight_decay=0.01)


def test_a_default_that_is_named_gives_the_same_key():
    assert planned_key() == planned_key(forget_bias=1.0, readout="last")
    assert planned_key() != planned_key(forget_bias=2.0)


def test_an_older_run_is_done_and_its_files_are_found(old_store: DirectoryStore):
    key = planned_key()
    assert key in old_store
    assert old_store.finished([key, "abc"]) == {key}
    history = old_store.history(key)
    assert history == History(key=key, series={"step": [50.0]})
    assert old_store.text("logs", key) == "said"
    assert [record.key for record in old_store] == [key]
    assert old_store.unreadable() == []


def test_upgrading_gives_files_the_keys_of_today(old_store: DirectoryStore):
    key, (before,) = planned_key(), list(old_store)
    (told,) = upgrade(old_store, dry=True)
    assert told.key == key
    assert (old_store.root / "records" / f"{told.old}.json").exists()
    assert list(upgrade(old_store)) == [told]
    fresh = DirectoryStore(old_store.root)
    assert list(fresh) == [before]
    assert fresh.older == {}
    assert fresh.history(key) == History(key=key, series={"step": [50.0]})
    assert fresh.text("logs", key) == "said"
    left = {path.stem for path in old_store.root.rglob("*") if path.is_file()}
    assert left == {key}
    assert list(upgrade(fresh)) == []


def test_a_run_that_was_done_again_counts_once(old_store: DirectoryStore):
    (record,) = list(old_store)
    old_store.put(record, History(key=record.key), {})
    fresh = DirectoryStore(old_store.root)
    assert list(fresh) == [record]
    assert fresh.older == {}


def test_two_older_records_of_one_run_are_one_run(tmp_path: Path):
    """A setting that was new once gave the same run another key: the last one counts.

    Before and after the store is brought to today's keys.
    """
    store = DirectoryStore(tmp_path)
    wanted = None
    for name, hour in (("bias", "08"), ("none", "10"), ("other", "09")):
        record = older_record()
        if name != "none":
            record["identity"]["model"]["numbers"].pop(
                "depth" if name == "bias" else "embed"
            )
        record["key"] = older_key(record["identity"])
        record["provenance"]["finished_at"] = f"2026-03-01T{hour}:05:00+00:00"
        record["result"]["test_score"] = float(hour)
        (tmp_path / "records").mkdir(exist_ok=True)
        path = tmp_path / f"records/{record['key']}.json"
        path.write_text(json.dumps(record, indent=1))
        wanted = record["key"] if name == "none" else wanted
    (found,) = store
    assert found.result.test_score == 10.0
    assert DirectoryStore(tmp_path).older == {found.key: wanted}
    assert [step.old for step in upgrade(DirectoryStore(tmp_path))] == [wanted]
    (again,) = DirectoryStore(tmp_path)
    assert again.result.test_score == 10.0


def test_an_answer_that_was_no_number_is_taken_back():
    content = older_record()
    content["result"]["test_loss"] = None
    result = read_record(json.dumps(content)).result
    assert (result.outcome, result.test_score) == ("diverged", None)


@pytest.mark.parametrize("part", ["model", "identity", "result"])
def test_a_damaged_older_record_is_told_in_a_sentence(part: str):
    content = older_record()
    if part == "model":
        del content["identity"]["model"]
    else:
        del content[part]
    with pytest.raises(ValueError, match=r"no record of a run|does not fit"):
        read_record(json.dumps(content))


def test_an_older_record_of_another_key_is_refused():
    content = {**older_record(), "key": "0" * 20}
    with pytest.raises(ValueError, match="does not fit its identity"):
        read_record(json.dumps(content))


@pytest.mark.parametrize("store", STORES, ids=lambda path: path.name)
def test_no_figure_of_a_committed_store_moves(store: Path, tmp_path: Path):
    """Every table of the docs is a function of this frame."""
    shutil.copytree(store, tmp_path / "copy")
    before = DirectoryStore(store)
    copy = DirectoryStore(tmp_path / "copy")
    list(upgrade(copy))
    after = DirectoryStore(copy.root)
    assert after.older == {}
    frames = [runs_frame(x, x.histories(r.key for r in x).get) for x in (before, after)]
    assert frames[0].equals(frames[1])
    assert len(frames[0]) == len(list((store / "records").iterdir()))


def test_a_plan_of_schema_1_is_read(tmp_path: Path):
    content = older_record()
    plan = {
        "schema_version": 1,
        "key": "a" * 20,
        "name": "mine",
        "workers": 2,
        "asked_at": "2026-03-01T09:00:00+00:00",
        "cells": [
            {"identity": content["identity"], "seeds": [0, 1], "metric": "accuracy"}
        ],
    }
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / f"{'a' * 20}.json").write_text(json.dumps(plan))
    store = DirectoryStore(tmp_path)
    (found,) = read_plans(store)
    assert next(iter(found.runs())).key == planned_key()
    (told,) = upgrade(store)
    assert (told.kind, told.key) == ("plan", found.key)
    assert read_plans(DirectoryStore(tmp_path)) == [found]


def test_the_command_says_what_it_did(old_store: DirectoryStore):
    folder = str(old_store.root)
    tried = CliRunner().invoke(app, ["upgrade", folder, "--dry-run"])
    assert "1 runs and 0 plans" in tried.output
    assert "would get" in tried.output
    done = CliRunner().invoke(app, ["upgrade", folder, "--json"])
    assert json.loads(done.output)["renamed"][0]["key"] == planned_key()
    again = CliRunner().invoke(app, ["upgrade", folder])
    assert "nothing to upgrade" in again.output


def test_a_record_of_today_says_all_settings(make_record):
    assert json.loads(to_json(make_record()))["schema_version"] == 2
