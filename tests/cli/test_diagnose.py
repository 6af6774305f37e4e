"""`arena diagnose`: its two forms, what it leaves out, and how it refuses."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnarena.cli import app
from nnarena.models import MODELS
from nnarena.runs.store import DirectoryStore


run = CliRunner().invoke

SUITE = """
models = ["elman", "gru"]
tasks = [{ name = "add", length = 6 }, { name = "memory", fillers = 3 }]
seeds = 2
width = 4

[trainer]
steps = 12
batch = 4
checks = 3
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("diagnose")
    (folder / "mine.toml").write_text(SUITE)
    words = ["run", str(folder / "mine.toml"), "-r", str(folder / "out"), "-w", "0"]
    done = run(app, words)
    assert done.exit_code == 0, done.output
    return folder / "out"


def test_every_contender_and_task_has_a_row(results):
    answer = run(app, ["diagnose", str(results), "--json"])
    assert answer.exit_code == 0, answer.output
    rows = json.loads(answer.stdout)
    names = [(row["task"], row["contender"]) for row in rows]
    assert names == [
        ("add", "elman"),
        ("add", "gru"),
        ("memory", "elman"),
        ("memory", "gru"),
    ]
    for row in rows:
        assert row["seeds"] == 2
        assert row["length"] == {"add": 6, "memory": 5}[row["task"]]
        assert 0 <= row["horizon"] < row["length"]
        assert row["first_to_last"] > 0


def test_the_table_says_what_its_columns_are(results):
    answer = run(app, ["diagnose", str(results)])
    assert answer.exit_code == 0
    for word in ("elman", "gru", "memory", "horizon", "first / last"):
        assert word in answer.stdout


def test_the_results_are_not_touched(results):
    before = {p: p.read_bytes() for p in results.rglob("*.json")}
    run(app, ["diagnose", str(results)])
    assert {p: p.read_bytes() for p in results.rglob("*.json")} == before


def test_runs_without_weights_are_left_out_with_a_word(results, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(results, copy)
    for record in DirectoryStore(copy):
        named = record.identity
        if named.model.name == "elman" and (named.seed, named.task.name) != (0, "add"):
            (copy / "weights" / f"{record.key}.safetensors").unlink()
    answer = run(app, ["diagnose", str(copy), "--json"])
    assert answer.exit_code == 0
    rows = {(r["task"], r["contender"]): r["seeds"] for r in json.loads(answer.stdout)}
    assert rows == {("add", "elman"): 1, ("add", "gru"): 2} | {("memory", "gru"): 2}
    assert answer.stderr.count("left out elman on") == 3


def test_no_table_is_drawn_where_every_run_is_left_out(results, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(results, copy)
    shutil.rmtree(copy / "weights")
    answer = run(app, ["diagnose", str(copy)])
    assert answer.exit_code == 1
    assert answer.stdout == ""
    assert "left out elman on" in answer.stderr
    assert json.loads(run(app, ["diagnose", str(copy), "--json"]).stdout) == []


def test_a_folder_without_runs_is_refused(tmp_path):
    answer = run(app, ["diagnose", str(tmp_path)])
    assert answer.exit_code == 2
    assert "no finished runs" in answer.stderr


def test_it_has_help():
    assert "horizon" in run(app, ["diagnose", "--help"]).output


OF_EACH_KIND = (
    "window",  # a control without memory
    "elman",
    "dnc",
    "unitary_ncp",
    "transformer",
    "encoder_decoder_transformer",
    "rnn_augmented_transformer",
    "memory_augmented_transformer",
)


@pytest.mark.slow
def test_no_kind_of_contender_is_left_out(tmp_path):
    """One step of training each: a row of numbers for every one, and no empty table."""
    names = [name for name in OF_EACH_KIND if name in MODELS]
    assert names == [*OF_EACH_KIND]
    quoted = ", ".join(f'"{name}"' for name in names)
    (tmp_path / "all.toml").write_text(
        f"models = [{quoted}]\n"
        'tasks = [{ name = "add", length = 6 }]\n'
        "seeds = 1\nwidth = 8\n"
        "[trainer]\nsteps = 1\nbatch = 4\nchecks = 1\n"
    )
    words = ["run", str(tmp_path / "all.toml"), "-r", str(tmp_path / "out"), "-w", "0"]
    done = run(app, words)
    assert done.exit_code == 0, done.output
    answer = run(app, ["diagnose", str(tmp_path / "out"), "--json"])
    assert answer.exit_code == 0, answer.output
    rows = {row["contender"]: row for row in json.loads(answer.stdout)}
    assert rows.keys() == {*names}
    assert all(row["length"] == 6 and row["seeds"] == 1 for row in rows.values())
    assert [name for name, row in rows.items() if row["first_to_last"] is None] == []


def test_where_no_gradient_passes_there_is_no_horizon(tmp_path):
    """That of spikes would read as one without a memory."""
    liquid = 'models = [{ name = "lsm", width = 20 }]'
    (tmp_path / "one.toml").write_text(
        f'{liquid}\ntasks = [{{ name = "add", length = 6 }}]\nseeds = 1\n'
        "[trainer]\nsteps = 1\nbatch = 4\nchecks = 1\n"
    )
    words = ["run", str(tmp_path / "one.toml"), "-r", str(tmp_path / "out"), "-w", "0"]
    assert run(app, words).exit_code == 0
    told = run(app, ["diagnose", str(tmp_path / "out")])
    assert "no gradient reaches any input" in " ".join(told.output.split())
    answer = run(app, ["diagnose", str(tmp_path / "out"), "--json"])
    (row,) = json.loads(answer.stdout)
    assert row["horizon"] is row["first_to_last"] is None
