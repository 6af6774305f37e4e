"""The page and exports show what trained models answered to other tasks."""

from pathlib import Path

import numpy as np
import pytest
from tests.analysis.test_evaluations import asked, trained
from tests.synthetic import make_history

from nnarena.analysis.evaluations import evaluated
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.length import length_curves
from nnarena.report.asked import EACH, asked_tables
from nnarena.report.export import write_export
from nnarena.report.figures import contender_looks
from nnarena.report.figures.lengths import length_figures
from nnarena.report.page import render_report
from nnarena.runs.evaluations import keep_evaluation
from nnarena.runs.store import DirectoryStore


LOOKS = contender_looks(["gru", "transformer"])


@pytest.fixture(scope="module")
def story():
    """Two contenders trained at 20, 40 and 80; those of 20 asked 40 and 80."""
    runs, answers = [], []
    for model, scores in (("gru", (0.9, 0.8, 0.7)), ("transformer", (0.9, 0.4, 0.1))):
        for length, score in zip((20, 40, 80), scores, strict=True):
            own = trained(model, length, [score, score + 0.05, score + 0.1])
            runs += own
            if length == 20:
                answers += [
                    asked(run, 40, score - 0.3 + 0.05 * seed)
                    for seed, run in enumerate(own)
                ]
                if model == "transformer":
                    answers += [asked(run, 80, None, "cannot be asked") for run in own]
    return runs, answers


@pytest.fixture(scope="module")
def store(story, tmp_path_factory) -> DirectoryStore:
    store, rng = (
        DirectoryStore(tmp_path_factory.mktemp("asked")),
        np.random.default_rng(0),
    )
    runs, answers = story
    for run in runs:
        store.put(run, make_history(run, rng), {})
    for answer in answers:
        keep_evaluation(store, answer)
    return store


def test_both_series_are_lines_of_one_figure(story):
    runs, answers = story
    curves = (*length_curves(runs_frame(runs)), *evaluated(runs, answers).curves)
    (figure,) = length_figures(curves, LOOKS)
    lines = {(row["contender"], row["series"]) for row in figure.rows}
    assert lines == {
        (name, series)
        for name in ("gru", "transformer")
        for series in ("trained at each", "trained at 20")
    }
    own = [r for r in figure.rows if r["series"] == "trained at 20"]
    assert {(row["length"], row["trained_there"]) for row in own} == {
        (20.0, "yes"),
        (40.0, "no"),
    }
    assert all(row["low"] is not None for row in figure.rows)
    assert "Solid: trained at each value by itself. Dashed: " in figure.caption


def test_without_runs_at_each_the_figure_has_the_dashed_lines_alone(story):
    runs, answers = story
    only = [run for run in runs if run.identity.task.settings["length"] == 20]
    (figure,) = length_figures(evaluated(only, answers).curves, LOOKS)
    assert {row["series"] for row in figure.rows} == {"trained at 20"}
    assert "Solid" not in figure.caption


def test_without_evaluations_a_figure_is_what_it_was(story):
    runs, _ = story
    (figure,) = length_figures(length_curves(runs_frame(runs)), LOOKS)
    assert len(figure.spec()["layer"]) == 4  # the last: marks of doubt
    assert "Every length was trained for by itself." in figure.caption


def test_the_table_has_a_row_for_each_training_and_one_for_each_by_itself(story):
    tables = asked_tables(evaluated(*story))
    assert list(tables) == ["copy"]
    rows = {(row[0].text, row[1].text): row[2:] for row in tables["copy"].rows}
    one = "length=20"
    assert list(rows) == [
        ("gru", one),
        ("gru", EACH),
        ("transformer", one),
        ("transformer", EACH),
    ]
    assert [name for name, _ in tables["copy"].heads[2:]] == [
        f"length={n}" for n in (20, 40, 80)
    ]
    own, other, none = rows["gru", one]
    assert own.text == "0.950"
    assert own.notes[-1] == "trained on it"
    assert other.text == "0.650"
    assert "0.526 to 0.774" in other.notes[0]
    assert none.text == "–"
    refused = rows["transformer", one][2]
    assert refused.text == "–"
    assert refused.notes == ("cannot be asked: a table that is too short",)
    assert [field.text for field in rows["gru", EACH]] == ["0.950", "0.850", "0.750"]


def test_the_page_shows_figure_and_table(store):
    page = render_report(store, "Arena")
    assert 'data-figure="length-copy"' in page
    assert "Asked what they were not trained on" in page
    assert "a table that is too short" in page
    assert "trained at 20" in page


def test_a_page_without_evaluations_says_nothing_of_them(store, tmp_path):
    for kind in ("records", "history"):
        (tmp_path / kind).mkdir()
        for path in Path(store.root, kind).iterdir():
            (tmp_path / kind / path.name).write_bytes(path.read_bytes())
    page = render_report(DirectoryStore(tmp_path), "Arena")
    assert "Asked what they were not trained on" not in page


def test_the_table_is_exported(store, tmp_path):
    write_export(store, tmp_path, ["json"])
    for ending in ("csv", "md", "tex"):
        text = (tmp_path / "tables" / f"asked-copy.{ending}").read_text()
        assert "cannot be asked" in text
    assert (tmp_path / "figures" / "length-copy.json").exists()
