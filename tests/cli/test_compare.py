"""`arena compare` and `arena cite` on a made-up store."""

import json
from pathlib import Path

import pytest
from tests.synthetic import fill_store
from typer.testing import CliRunner

from nnarena.cli import app
from nnarena.core.references import read_entries


run = CliRunner().invoke


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    fill_store(folder, {"gru": 0.9, "lstm": 0.5, "elman": 0.48, "mine": 0.2})
    return folder


def words(output: str) -> str:
    return " ".join(output.split())


def test_compare_alone_is_the_leaderboard(store):
    by_place = run(app, ["compare", str(store)])
    by_option = run(app, ["compare", "-r", str(store)])
    assert by_place.exit_code == 0
    assert by_place.stdout == by_option.stdout
    assert "overall" in by_place.stdout
    assert "the smallest difference this design could detect" in by_place.stdout


def test_compare_two_is_one_sentence_and_a_table(store):
    answer = run(app, ["compare", "gru", "mine", "--results", str(store)])
    assert answer.exit_code == 0
    assert words(answer.stdout).startswith("gru beats mine (0.")
    assert answer.stdout.count("[") == 3


def test_better_on_a_task_is_of_every_pair_on_every_task(store, tmp_path):
    """Seven seeds can tell that of two contenders, five of none."""
    many = words(run(app, ["compare", "gru", "mine", "-r", str(store)]).stdout)
    assert "(level 0.05 for all 18 tests of the store) it is undecided on" in many
    assert "No star can be given" in many
    assert "over 18 tests 1; that takes 10 seeds" in many
    fill_store(tmp_path, {"gru": 0.9, "mine": 0.2}, seeds=7)
    two = words(run(app, ["compare", "gru", "mine", "-r", str(tmp_path)]).stdout)
    assert "better on add, copy and recall." in two
    assert "adjusted for 3 tests, each pair of the store on each task" in two


def test_a_lack_of_seeds_is_told_of_a_difference_beyond_scatter(store):
    told = words(run(app, ["compare", "gru", "lstm", "-r", str(store)]).stdout)
    assert told.startswith("The runs cannot tell gru from lstm (0.")
    assert "as rare ends that so few runs may all have missed could turn" in told


def test_compare_two_can_fail_to_tell(store):
    answer = run(app, ["compare", "lstm", "elman", "-r", str(store), "--json"])
    found = json.loads(answer.stdout)
    assert found["answer"] == "cannot tell"
    assert found["interval"]["low"] < 0 < found["interval"]["high"]
    assert len(found["tasks"]) == 3


def test_compare_against_published_in_both_forms(store):
    answer = run(app, ["compare", "--against", "published", "-r", str(store)])
    assert answer.exit_code == 0
    assert "not comparable" in answer.stdout
    assert "another size" in answer.stdout
    rows = json.loads(
        run(app, ["compare", str(store), "--against", "published", "--json"]).stdout
    )
    assert {row["contender"] for row in rows} == {"gru", "lstm"}
    assert all(row["reasons"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gru", "lsmt"], "did you mean lstm"),
        (["gru", "gru"], "cannot be compared with itself"),
        (["a", "b", "c"], "two contenders A B"),
        (["--against", "paper"], "--against takes published"),
        (["--study", "thesis"], "add --against published"),
        (["--against", "published", "--study", "tesis"], "did you mean thesis"),
    ],
)
def test_wrong_words_are_one_sentence(store, arguments, says):
    answer = run(app, ["compare", *arguments, "-r", str(store)])
    assert answer.exit_code == 2
    assert says in words(answer.output)
    assert "Traceback" not in answer.output


def test_two_folders_are_refused_and_one_folder_twice_is_one(store):
    assert run(app, ["compare", str(store), "-r", str(store)]).exit_code == 0
    answer = run(app, ["compare", str(store), "-r", "elsewhere"])
    assert answer.exit_code == 2
    assert "one folder" in words(answer.output)


def test_cite_prints_bibtex_of_what_was_used(store):
    answer = run(app, ["cite", str(store)])
    assert answer.exit_code == 0
    entries = read_entries(answer.stdout)
    assert {"cho2014learning", "hochreiter1997long", "elman1990finding"} <= set(entries)
    assert "% model mine: not registered here" in answer.stdout
    assert "% task add: hochreiter1997long" in answer.stdout
    rows = json.loads(run(app, ["cite", str(store), "--json"]).stdout)
    assert [row["name"] for row in rows if row["kind"] == "model"] == [
        "elman",
        "gru",
        "lstm",
        "mine",
    ]
    assert run(app, ["cite", "/nonexistent"]).exit_code == 2
