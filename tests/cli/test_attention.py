"""`arena diagnose --attention`: what it draws, what it leaves out, what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import nnarena
from nnarena.cli import app


run = CliRunner().invoke

SUITE = """
models = ["bahdanau", "elman"]
tasks = [{ name = "reverse", length = 3 }]
seeds = 1
width = 4

[trainer]
steps = 1
batch = 2
checks = 1
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("attention")
    (folder / "mine.toml").write_text(SUITE)
    words = ["run", str(folder / "mine.toml"), "-r", str(folder / "out"), "-w", "0"]
    done = run(app, words)
    assert done.exit_code == 0, done.output
    return folder / "out"


def test_it_draws_what_it_says(results, tmp_path):
    words = ["diagnose", str(results), "--attention", str(tmp_path / "maps"), "--json"]
    done = run(app, words)
    assert done.exit_code == 0, done.output
    assert "elman on reverse, seed 0: it has no attention to show" in done.stderr
    (drawn,) = json.loads(done.stdout)
    (shown,) = drawn["maps"]
    assert (drawn["contender"], shown["name"]) == ("bahdanau", "alignment")
    assert len(shown["places"]) == 3
    np.testing.assert_allclose(np.sum(shown["weights"], axis=1), 1.0, atol=1e-5)
    svg = Path(drawn["file"]).read_text()
    assert svg.startswith("<svg")
    assert "bahdanau on reverse, seed 0" in svg
    assert "validation example 0; the answers are the model's own" in svg
    assert svg.count("weight: ") == len(shown["rows"]) * 3  # a tile for each

    found = nnarena.restore(results, "bahdanau", "reverse")
    (same,) = nnarena.attention_maps(found.model, found.task, found.splits.validation)
    assert (same.rows, same.places) == (tuple(shown["rows"]), tuple(shown["places"]))
    np.testing.assert_array_equal(same.weights, np.float32(shown["weights"]))


def test_an_example_that_is_not_there_is_named(results, tmp_path):
    words = ["diagnose", str(results), "--attention", str(tmp_path / "maps")]
    done = run(app, [*words, "--example", "5000"])
    assert done.exit_code == 1
    assert "there is no example 5000: there are 1,000, from 0 on" in done.stderr
    assert not (tmp_path / "maps").exists()


def test_an_example_is_asked_for_with_a_folder_to_draw_it_in(results):
    done = run(app, ["diagnose", str(results), "--example", "3"])
    assert done.exit_code == 2
    assert "--example says which one --attention FOLDER draws" in done.stderr
