"""`-r` and `--results` name the folder of results, the same in every command."""

import inspect
import json

import numpy as np
import pytest
from tests.synthetic import make_history, make_record
from typer.main import get_command
from typer.testing import CliRunner

from nnarena.cli import app
from nnarena.cli.on_results import on_results
from nnarena.cli.options import RESULTS
from nnarena.runs.store import DirectoryStore


run = CliRunner().invoke

WITHOUT = {"list", "show", "check", "bench", "record"}
"""Commands that read no results."""


def commands() -> dict[str, str]:
    """Returns the help of every command, in one line each."""
    names = get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
    return {n: " ".join(run(app, [n, "--help"]).output.split()) for n in names}


def test_every_command_on_results_has_it_with_the_same_help():
    helped = commands()
    assert {"run", "plan", "status", "compare", "merge"} <= set(helped)
    for name, text in helped.items():
        assert ("-r, --results" in text) == (name not in WITHOUT), name
        if name not in {*WITHOUT, "merge"}:
            assert RESULTS in text, name


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the results of two contenders lie, beside the default."""
    monkeypatch.chdir(tmp_path)
    rng, store = np.random.default_rng(0), DirectoryStore(tmp_path / "mine")
    for name in ("gru", "lstm"):
        for seed in range(3):
            record = make_record(name, "copy", seed)
            store.put(record, make_history(record, rng), {})
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["upgrade", "--dry-run"],
        ["compare"],
        ["cite"],
        ["report"],
        ["export", "--to", "paper", "-f", "json"],
    ],
    ids=lambda words: words[0],
)
@pytest.mark.filterwarnings("default")
def test_the_option_is_the_argument(folder, words):
    answers = [run(app, [*words, *where]) for where in (["mine"], ["-r", "mine"])]
    answers.append(run(app, [*words, "mine", "--results", "mine"]))
    code = 2 if words == ["status"] else 0  # no plan lies in the folder
    assert [answer.exit_code for answer in answers] == [code] * 3
    assert len({answer.output for answer in answers}) == 1
    assert "mine" in answers[0].output or words[0] in ("compare", "cite", "export")
    both = run(app, [*words, "mine", "--results", "other"])
    assert both.exit_code == 2
    assert "give one folder of results: mine or --results other" in both.output
    assert not (folder / "results").exists()


def test_compare_takes_it_beside_two_contenders(folder):
    answer = run(app, ["compare", "gru", "lstm", "-r", "mine", "--json"])
    assert answer.exit_code == 0
    assert json.loads(answer.output)


def test_merge_takes_it_for_the_folder_that_takes_the_rest(folder):
    answer = run(app, ["merge", "mine", "-r", "all"])
    assert answer.exit_code == 0, answer.output
    assert "6 added" in answer.output
    assert len(list((folder / "all" / "records").iterdir())) == 6


def test_no_command_calls_it_otherwise():
    for command in on_results.registered_commands:
        assert command.callback is not None
        names = inspect.signature(command.callback).parameters
        assert "results" in names, command.callback.__name__
