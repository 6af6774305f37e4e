"""Files stand wherever names do, and records know which files they need."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from tests.strangers import CELL, TASK, write
from typer.testing import CliRunner

import nnarena
from nnarena.cli import app
from nnarena.models.sequence import Recurrent, SequenceModel
from nnarena.runs.record import Record, to_json
from nnarena.runs.store import DirectoryStore
from nnarena.suite.restore import restore_record


run = CliRunner().invoke


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("NNARENA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A model, and a task with a neighbor: `named` in both."""
    folder = tmp_path_factory.mktemp("named")
    write(folder, "fader", CELL)
    scaled = ("xs = jax.random.normal(row, (self.length, 1))", "xs = draw(row, self)")
    task = write(folder, "first", TASK, scaled)
    task.write_text("from drawing import draw\n" + task.read_text())
    (folder / "drawing.py").write_text(
        "import jax\n"
        "def draw(row, task):\n"
        "    return jax.random.normal(row, (task.length, 1))\n"
    )
    return folder


@pytest.fixture(scope="module")
def results(folder, tmp_path_factory) -> Path:
    """A run of both by the command, in a worker process."""
    out = folder / "out"
    model, task = f"{folder}/fader.py:fader(rate=0.2, width=8)", f"{folder}/first.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNARENA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        words = ["-m", f"{model},elman", "-t", task, "-s", "2", "--steps", "4"]
        done = run(app, ["run", "smoke", *words, "-w", "1", "-r", str(out)])
    assert done.exit_code == 0, done.output
    return out


def records_of(results: Path, name: str) -> list[Record]:
    return [r for r in DirectoryStore(results) if r.identity.model.name == name]


def test_settings_reach_the_entrant_of_a_file(results):
    first, second = records_of(results, "fader")
    for record in (first, second):
        assert record.identity.model.settings == {"rate": 0.2}
        assert record.identity.width == 8
        assert record.identity.task.name == "first"
        assert record.result.outcome == "finished"


def test_a_record_remembers_its_files_with_the_digest_of_their_text(results, folder):
    for record in records_of(results, "fader") + records_of(results, "elman"):
        found = {Path(p.path): p.digest for p in record.provenance.plugins}
        assert set(found) == {folder / "fader.py", folder / "first.py"}
        task = record.identity.task.version
        assert task == f"text-{found[folder / 'first.py']}"


def test_plan_knows_what_is_done(results, folder):
    words = ["-m", f"{folder}/fader.py:fader(rate=0.2,width=8)", "-s", "2"]
    words += ["-t", f"{folder}/first.py:first", "--steps", "4", "-r", str(results)]
    answer = run(app, ["plan", "smoke", *words, "--json"])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert (told["runs"], told["done"]) == (2, 2)


def test_a_suite_file_names_files_beside_it(results, folder):
    suite = folder / "mine.toml"
    suite.write_text(
        'models = ["fader.py:fader(rate=0.2, width=8)", {name = "fader.py", width = 9}]'
        '\ntasks = ["first.py", "add(length=7)"]\nseeds = 2\nwidth = 4\n'
    )
    answer = run(app, ["plan", str(suite), "-r", str(results), "--json"])
    assert answer.exit_code == 0, answer.output
    cells = json.loads(answer.stdout)["cells"]
    assert [cell["width"] for cell in cells] == [8, 8, 9, 9]
    assert {cell["task"] for cell in cells} == {"first", "add"}


def test_show_and_bench_take_them_too(folder):
    shown = json.loads(run(app, ["show", f"{folder}/fader.py", "--json"]).stdout)
    assert shown["settings"]["rate"] == 0.1
    answer = run(app, ["show", f"{folder}/first.py:first"])
    assert "first (task, test)" in answer.output
    assert "a stranger" in answer.output
    told = run(app, ["bench", f"{folder}/fader.py:fader(speed=2)"])
    assert told.exit_code == 2
    assert "'fader' has no setting 'speed'" in told.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "smoke", "-m", "fader.py:feder"], "fader.py registers no model named"),
        (["run", "smoke", "-t", "fader.py"], "fader.py registers no task; decorate"),
        (
            ["check", "fader.py:first"],
            "no model, task, trainer, metric or penalty named 'first'; it registers",
        ),
        (["check", "fader.py:fader(rate=fast)"], "rate must be a number, not 'fast'"),
        (["show", "absent.py:fader"], "there is no file "),
        (["run", "smoke", "--plugin", "absent.py"], "there is no file "),
    ],
)
def test_what_a_file_does_not_have_is_one_sentence(folder, monkeypatch, words, says):
    monkeypatch.chdir(folder)
    answer = run(app, words)
    assert answer.exit_code == 2
    assert says in answer.output.replace("\n", " ")
    assert len(answer.output.strip().splitlines()) == 1


def test_two_files_of_one_name_are_refused(tmp_path):
    files = [tmp_path / place / "fader.py" for place in ("a", "b")]
    for file, rate in zip(files, ("0.2", "0.3"), strict=True):
        file.parent.mkdir()
        write(file.parent, "fader", CELL, ("float = 0.1", f"float = {rate}"))
    words = ["run", "smoke", "-m", ",".join(map(str, files))]
    answer = run(app, [*words, "-r", str(tmp_path / "out")])
    assert answer.exit_code == 2
    told = f"model 'fader' is registered by {files[0]} and {files[1]}"
    assert told in answer.output


def test_python_takes_the_same_words(folder, results):
    """The runs of the command are there, and are not done again."""
    before = sorted(path.stat().st_mtime_ns for path in results.glob("records/*"))
    board = nnarena.run(
        [f"{folder}/fader.py:fader(rate=0.2)"],
        [{"name": f"{folder}/first.py:first"}],
        seeds=2,
        width=8,
        results=results,
        workers=1,
        steps=4,
        **smoke_trainer(),
    )
    assert [standing.contender for standing in board.standings] == ["fader"]
    after = sorted(path.stat().st_mtime_ns for path in results.glob("records/*"))
    assert after == before


def smoke_trainer() -> dict:
    from nnarena.suite.config import load_suite

    trainer = dict(load_suite("smoke").trainer)
    trainer.pop("steps", None)
    return trainer


def forget_entrants() -> None:
    """Makes this process one in which no file was imported."""
    for registry in (nnarena.MODELS, nnarena.TASKS):
        for name in ("fader", "first"):
            registry._entries.pop(name, None)
    for name in [
        name for name in sys.modules if re.match(r"nnarena_plugin_\w+\.", name)
    ]:
        del sys.modules[name]


def diagnosis(results: Path, *words: str) -> tuple[dict[str, int], str]:
    """Returns the seeds that `arena diagnose` measured by contender, and its words."""
    forget_entrants()
    answer = run(app, ["diagnose", str(results), "--json", *words])
    rows = json.loads(answer.stdout)
    assert answer.exit_code == (0 if rows else 1), answer.output
    return {row["contender"]: row["seeds"] for row in rows}, answer.stderr


def test_a_model_is_restored_without_a_word_about_its_file(results):
    forget_entrants()
    (record, _) = records_of(results, "fader")
    model, task = restore_record(record, DirectoryStore(results))
    assert isinstance(model, SequenceModel)
    (layer,) = model.layers
    assert isinstance(layer, Recurrent)
    assert type(layer.cell).__name__ == "Fader"
    assert type(task).__name__ == "First"


def test_diagnose_and_report_need_no_word(results):
    assert diagnosis(results) == ({"elman": 2, "fader": 2}, "")
    assert run(app, ["report", "-r", str(results)]).exit_code == 0


@pytest.fixture
def moved(results, folder, tmp_path) -> Path:
    """The same runs, of files that lie in a folder of this test's own."""
    for name in ("fader.py", "first.py", "drawing.py"):
        shutil.copy(folder / name, tmp_path / name)
    shutil.copytree(results, tmp_path / "out")
    for path in (tmp_path / "out" / "records").glob("*.json"):
        path.write_text(path.read_text().replace(f"{folder}/", f"{tmp_path}/"))
    return tmp_path


def named(moved: Path) -> None:
    """Lets the user have named the files at their new place."""
    words = ["-m", f"{moved}/fader.py", "-t", f"{moved}/first.py", "-s", "1"]
    answer = run(app, ["plan", "smoke", *words, "-r", str(moved / "none")])
    assert answer.exit_code == 0, answer.output


def test_a_file_that_is_gone_is_told_and_may_be_given(moved, folder):
    named(moved)
    (moved / "fader.py").unlink()
    measured, said = diagnosis(moved / "out")
    assert measured == {"elman": 2}
    digest = records_of(moved / "out", "fader")[0].identity.model.version[5:]
    assert said == (
        f"left out fader on first, seeds 0, 1: needs {moved}/fader.py with the text of "
        f"digest {digest}, but that file is gone; give one with that text by --plugin "
        "FILE.py\n"
    )
    given = diagnosis(moved / "out", "--plugin", f"{folder}/fader.py")
    assert given == ({"elman": 2, "fader": 2}, "")


def test_a_file_that_is_given_is_not_asked_for_again(moved, folder):
    """Both are gone from where they were, and one is given."""
    named(moved)
    for name in ("fader.py", "first.py"):
        (moved / name).unlink()
    measured, said = diagnosis(moved / "out", "--plugin", f"{folder}/fader.py")
    assert measured == {}
    assert f"needs {moved}/first.py with the text of" in said
    assert f"{moved}/fader.py" not in said


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("first.py", "its text has changed"),
        ("drawing.py", "drawing.py, which it imports, has changed"),
    ],
)
def test_a_text_that_has_changed_is_told(moved, file, changed):
    named(moved)
    (moved / file).write_text((moved / file).read_text() + "# edited\n")
    measured, said = diagnosis(moved / "out")
    assert measured == {}
    assert f"needs {moved}/first.py with the text of digest " in said
    assert f"but {changed} since (to " in said
    assert "Traceback" not in said


def test_a_file_that_breaks_now_is_told(moved):
    named(moved)
    (moved / "fader.py").write_text("import no_such_thing\n")
    measured, said = diagnosis(moved / "out")
    assert measured == {"elman": 2}
    assert f"cannot be imported now ({moved}/fader.py, line 1: ModuleNotFound" in said


def test_a_record_alone_runs_no_file_that_its_reader_never_named(moved):
    (moved / "first.py").write_text(f"open({str(moved / 'ran')!r}, 'w')\n")
    measured, said = diagnosis(moved / "out")
    assert measured == {}
    assert "which you have not run on this machine; if you trust it, give it" in said
    assert not (moved / "ran").exists()


def test_a_record_without_the_field_is_read_and_says_what_is_missing(moved, folder):
    for record in DirectoryStore(moved / "out"):
        bare = record.provenance.model_copy(update={"plugins": ()})
        content = json.loads(to_json(record.model_copy(update={"provenance": bare})))
        del content["provenance"]["plugins"]
        path = moved / "out" / "records" / f"{record.key}.json"
        path.write_text(json.dumps(content))
    measured, said = diagnosis(moved / "out")
    assert measured == {}
    assert "needs the file that registered fader (text-" in said
    assert "which its record does not name; give it by --plugin FILE.py" in said
    words = [w for f in ("fader", "first") for w in ("--plugin", f"{folder}/{f}.py")]
    assert diagnosis(moved / "out", *words) == ({"elman": 2, "fader": 2}, "")
