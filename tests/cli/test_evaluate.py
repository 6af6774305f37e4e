"""`arena evaluate`: its forms, what it refuses, and what plan and status say."""

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnarena.cli import app
from nnarena.runs.store import DirectoryStore


run = CliRunner().invoke

SUITE = """
models = [
    "elman",
    { name = "transformer", blocks = 1, encoding = "learned", longest = 9 },
]
tasks = [{ name = "memory", fillers = 3EVALUATE }]
seeds = 2
width = 4

[trainer]
steps = 6
batch = 4
checks = 2
"""

ASKED = ", evaluate = [{ fillers = 5 }, { fillers = 20 }]"


def suite(folder: Path, evaluate: str = "") -> str:
    (folder / "mine.toml").write_text(SUITE.replace("EVALUATE", evaluate))
    return str(folder / "mine.toml")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("NNARENA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    done = run(app, ["run", suite(folder), "-r", str(folder / "out"), "-w", "0"])
    assert done.exit_code == 0, done.output
    return folder / "out"


@pytest.fixture
def results(trained, tmp_path) -> Path:
    shutil.copytree(trained, tmp_path / "out")
    return tmp_path / "out"


WORDS = ["--on", "memory(fillers=5)", "--on", "memory(fillers=20)"]


def test_every_contender_is_asked_once(results):
    before = {p: p.read_bytes() for p in results.glob("[rhw]*/*")}
    answer = run(app, ["evaluate", str(results), *WORDS])
    assert answer.exit_code == 0, answer.output
    assert "8 evaluations\n" in answer.stderr
    assert len(re.findall(r"\[\d/8\]", answer.stderr)) == 8
    refused = (
        "cannot be asked: a learned code for 9 steps cannot tell 22 apart; set "
        "`longest` to at least 22"
    )
    assert answer.stderr.count(refused) == 2
    assert "memory (fillers=20)" in answer.stdout
    assert {p: p.read_bytes() for p in results.glob("[rhw]*/*")} == before
    again = run(app, ["evaluate", str(results), *WORDS])
    assert "8 evaluations, 8 of them there already" in again.stderr
    assert again.stdout == answer.stdout


def test_a_word_for_what_was_trained_on_is_not_dropped_in_silence(results):
    words = ["--on", "memory(fillers=3),memory(fillers=5)", "-m", "elman"]
    answer = run(app, ["evaluate", str(results), *words])
    assert answer.exit_code == 0, answer.output
    said = "not asked memory (fillers=3): 2 runs trained on it; the records have its"
    assert answer.stderr.count(said) == 1
    assert "2 evaluations\n" in answer.stderr


def test_as_json_a_cell_has_its_doubt(results):
    answer = run(app, ["evaluate", "-r", str(results), *WORDS, "--json"])
    assert answer.exit_code == 0, answer.output
    cells = json.loads(answer.stdout)
    found = {(c["contender"], c["card"]["task"]): c for c in cells}
    assert len(found) == 6
    one = found["elman", "memory (fillers=20)"]
    assert one["trained"] == "memory (fillers=3)"
    assert one["cell"]["judged"] == 2
    assert one["reason"] is None
    assert set(one["cell"]["interval"] or {"low": 0, "high": 0}) == {"low", "high"}
    none = found["transformer", "memory (fillers=20)"]
    assert none["reason"].startswith("a learned code for 9 steps")
    assert none["cell"]["mean"] is None


def test_runs_are_chosen_by_model_and_task(results):
    words = ["evaluate", str(results), *WORDS, "-m", "elman", "-t", "memory(fillers=3)"]
    answer = run(app, [*words, "--json"])
    assert {cell["contender"] for cell in json.loads(answer.stdout)} == {"elman"}
    assert len(list(results.glob("evaluations/*"))) == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], 'say what is asked: --on "NAME(setting=value)"'),
        (["--on", "add(length=4)"], "no finished run in"),
        (["--on", "memroy"], "there is no task named 'memroy'; did you mean memory"),
        (["--on", "memory(filler=4)"], "--on memory: 'memory' has no setting 'filler'"),
        (["--on", "memory(fillers=3)"], "the runs were trained on that itself"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(results, words, says):
    answer = run(app, ["evaluate", str(results), *words])
    assert answer.exit_code == 2
    assert says in " ".join(answer.stderr.split())
    assert "Traceback" not in answer.output


def test_a_folder_without_runs_is_refused(tmp_path):
    answer = run(app, ["evaluate", str(tmp_path), "--on", "memory(fillers=5)"])
    assert answer.exit_code == 2
    assert "there are no finished runs in" in answer.stderr


def test_weights_that_are_gone_are_told_and_the_exit_code_is_1(results):
    record = next(iter(DirectoryStore(results)))
    (results / "weights" / f"{record.key}.safetensors").unlink()
    answer = run(app, ["evaluate", str(results), "--on", "memory(fillers=5)"])
    assert answer.exit_code == 1
    assert record.key in " ".join(answer.stderr.split())
    assert len(list(results.glob("evaluations/*"))) == 3


def test_added_to_a_suite_only_the_evaluations_are_done(results, tmp_path):
    where = ["-r", str(results)]
    plan = run(app, ["plan", suite(tmp_path, ASKED), *where])
    assert (
        "elman trained on memory is then asked memory (fillers=5), memory "
        "(fillers=20): 0 of 4 evaluations done"
    ) in plan.stdout
    assert "4 runs, 0 of them to do" in plan.stdout
    told = json.loads(
        run(app, ["plan", suite(tmp_path, ASKED), *where, "--json"]).stdout
    )
    assert [(c["done"], c["evaluated"]) for c in told["cells"]] == [(2, 0), (2, 0)]
    records = {p: p.read_bytes() for p in results.glob("[rhw]*/*")}
    done = run(app, ["run", suite(tmp_path, ASKED), *where, "-w", "0"])
    assert done.exit_code == 0, done.output
    assert "8 evaluations of runs that are there already" in done.stderr
    assert len(list(results.glob("evaluations/*"))) == 8
    kept = {p: p.read_bytes() for p in records}
    assert kept == records
    status = run(app, ["status", str(results)])
    assert "4 of 4 runs done, 8 of 8 evaluations done" in status.stdout
    (plan,) = json.loads(run(app, ["status", str(results), "--json"]).stdout)["plans"]
    assert (plan["evaluations"], plan["evaluated"]) == (8, 8)
    again = run(app, ["run", suite(tmp_path, ASKED), *where, "-w", "0"])
    assert "evaluation" not in again.stderr


def test_merge_carries_evaluations(results, tmp_path):
    run(app, ["evaluate", str(results), *WORDS])
    merged = run(app, ["merge", str(results), str(tmp_path / "into")])
    assert merged.exit_code == 0, merged.output
    names = [
        {p.name for p in f.glob("evaluations/*")} for f in (results, tmp_path / "into")
    ]
    assert names[0] == names[1]
    assert len(names[0]) == 8


def test_show_names_the_axis():
    told = json.loads(run(app, ["show", "memory", "--json"]).stdout)
    assert told["axis"] == "fillers"
    assert "Axis of difficulty: fillers" in run(app, ["show", "memory"]).stdout
    assert "Axis" not in run(app, ["show", "digits"]).stdout
