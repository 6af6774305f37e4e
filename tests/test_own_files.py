"""A stranger's task, metric and trainer: short files that every command takes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nnarena
from nnarena.cli import app
from nnarena.core.source_files import text_digest
from nnarena.metrics import METRICS
from nnarena.runs.store import open_store
from nnarena.tasks import TASKS
from nnarena.training import TRAINERS


ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "examples/own").glob("*.py"))
SHORT = ["--seeds", "1", "--steps", "4"]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A copy of the files; what they register is forgotten after the module."""
    folder = tmp_path_factory.mktemp("own")
    for file in FILES:
        shutil.copy(file, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNARENA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        for registry in (TASKS, METRICS, TRAINERS):
            registry.discover()
            patch.setattr(registry, "_entries", dict(registry._entries))
        yield folder


def said(*words) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


def words_of(own: Path, setting: str = "pairs=2") -> list[str]:
    trainer = f"{own}/evolution.py:evolution({setting})"
    return ["smoke", "-m", "gru,elman", "-t", f"{own}/bursts.py", "--trainer", trainer]


@pytest.fixture(scope="module")
def results(own) -> Path:
    out = own / "out"
    said("run", *words_of(own), *SHORT, "--workers", "0", "-r", out)
    return out


def test_the_three_files_are_short():
    assert len(FILES) == 3
    texts = [file.read_text(encoding="utf-8") for file in FILES]
    assert sum(len(text.splitlines()) for text in texts) <= 90
    assert not any(
        "from nnarena" in text or "import nnarena." in text for text in texts
    )


def test_they_meet_the_laws_of_a_task_and_of_a_metric(own):
    for name, kind in (("bursts", "chance"), ("balanced", "merges")):
        verdicts = json.loads(said("check", own / f"{name}.py", "--json"))
        assert {v["law"] for v in verdicts if v["passed"]} >= {"documented", kind}


def test_each_is_shown(own):
    for name, kind in (
        ("bursts", "task"),
        ("balanced", "metric"),
        ("evolution", "trainer"),
    ):
        assert json.loads(said("show", own / f"{name}.py", "--json"))["kind"] == kind


def test_a_plan_knows_what_the_trainer_costs(own):
    cells = json.loads(said("plan", *words_of(own), "-r", own / "none", "--json"))[
        "cells"
    ]
    assert {cell["trainer"] for cell in cells} == {"evolution"}
    assert all(cell["seconds_per_run"] > 0.01 for cell in cells)


def test_records_remember_all_three(own, results):
    first, second = open_store(results)
    assert {first.identity.model.name, second.identity.model.name} == {"gru", "elman"}
    assert first.result.outcome == "finished"
    assert first.scoring.metric == "balanced accuracy"
    plugins = {Path(p.path).name: p.digest for p in first.provenance.plugins}
    assert plugins == {
        # with the text of balanced.py, which it imports
        "bursts.py": text_digest(own / "bursts.py"),
        "evolution.py": text_digest(own / "evolution.py"),
    }
    identity = first.identity
    balanced = text_digest(own / "balanced.py")
    assert identity.task.version == (
        f"text-{plugins['bursts.py']}, scored by balanced accuracy text-{balanced}"
    )
    assert identity.trainer.version == f"text-{plugins['evolution.py']}"
    assert identity.trainer.settings["pairs"] == 2
    history = open_store(results).history(first.key)
    assert history is not None
    assert {"gain", "train_loss", "validation_score"} <= set(history.series)


def test_they_are_compared_and_reported(results, tmp_path):
    board = json.loads(said("compare", results, "--json"))
    assert board["tasks"][0]["metric"] == "balanced accuracy"
    said("report", results, "-o", tmp_path / "page.html")
    assert "balanced accuracy" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_python_finds_the_same_runs(own, results):
    board = nnarena.run(
        ["gru", "elman"],
        [str(own / "bursts.py")],
        seeds=1,
        results=results,
        parameters=2_000,
        trainer=f"{own}/evolution.py:evolution(pairs=2)",
        steps=4,
        checks=10,
    )
    assert "balanced accuracy" in str(board)
    assert len(list(open_store(results))) == 2, "the same keys, nothing done again"


def test_a_metric_that_no_file_brings_is_told_with_the_remedy(own, tmp_path):
    text = (own / "bursts.py").read_text(encoding="utf-8")
    task = tmp_path / "alone.py"
    task.write_text(
        text.replace("import balanced", "# import balanced").replace(
            "balanced accuracy", "balance"
        ),
        encoding="utf-8",
    )
    done = CliRunner().invoke(app, ["plan", "smoke", "-m", "gru", "-t", str(task)])
    assert done.exit_code == 2
    assert "no metric named 'balance'" in done.stderr
    assert "known once the task's file imports its file" in done.stderr


def test_the_page_shows_the_trainer_of_the_file():
    page = (ROOT / "docs/trainers.md").read_text(encoding="utf-8")
    text = (ROOT / "examples/own/evolution.py").read_text(encoding="utf-8")
    assert text.partition("\n\n")[2] in page


PENALTY = """
import nnarena

@nnarena.PENALTIES.register("quiet", family="penalty", source="a stranger")
class Quiet(nnarena.AbstractPenalty):
    "Nothing."

    def __call__(self, model, example, *, key):
        return 0.0
"""


def test_what_a_file_is_first_to_import_of_the_package_is_not_its_own(tmp_path):
    (tmp_path / "quiet.py").write_text(PENALTY, encoding="utf-8")
    code = (
        "from nnarena.suite.words import registered_by\n"
        "print(registered_by('quiet.py', ['penalties']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.strip() == "{'penalties': ['quiet']}", done.stderr
