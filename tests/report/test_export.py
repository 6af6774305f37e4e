"""What is written for a paper: tables, figures and references, whole and escaped."""

import csv
import io
import json
import re

import pytest

from nnarena.core.references import read_entries
from nnarena.report.export import DRAWN, WRITTEN, write_export
from nnarena.report.tables import Field, Table
from nnarena.report.typeset import to_csv, to_latex, to_markdown


TABLE = Table(
    "A_table",
    (("name", False), ("score", True)),
    (
        (
            Field("ct_rnn & 50 %", contender="ct_rnn"),
            Field("0.9", ("0.8 to 1", "x"), "0.87"),
        ),
        (Field("a|b <c>"), Field("–", order="")),
    ),
)


def test_latex_is_escaped_and_ruled():
    text = to_latex(TABLE)
    assert text.startswith("% A_table.")
    assert r"\begin{tabular}{lr}" in text
    assert re.findall(r"\\(\w+rule)", text) == ["toprule", "midrule", "bottomrule"]
    assert r"ct\_rnn \& 50 \% & 0.9 {\scriptsize 0.8 to 1} \\" in text
    assert r"a|b \textless{}c\textgreater{} & -- \\" in text


def test_markdown_keeps_its_columns():
    lines = to_markdown(TABLE).splitlines()[2:]
    assert lines[1] == "| --- | ---: |"
    assert lines[2] == "| ct_rnn & 50 % | 0.9 (0.8 to 1) |"
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_csv_has_numbers_in_full_and_notes_apart():
    rows = list(csv.DictReader(io.StringIO(to_csv(TABLE))))
    assert rows[0] == {
        "name": "ct_rnn & 50 %",
        "score": "0.87",
        "score: notes": "0.8 to 1; x",
    }
    assert rows[1]["score"] == ""


@pytest.fixture(scope="module")
def folder(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "deep"
    files = write_export(store, folder, ["svg", "json"])
    assert sorted(files) == sorted(path for path in folder.rglob("*") if path.is_file())
    return folder


def test_every_run_is_in_the_table_of_runs(folder, store):
    rows = list(csv.DictReader(io.StringIO((folder / "runs.csv").read_text())))
    assert {row["key"] for row in rows} == {record.key for record in store}


def test_every_table_is_in_every_format(folder):
    names = {path.stem for path in (folder / "tables").iterdir()}
    assert {"leaderboard", "tasks", "costs", "bars", "lost"} <= names
    for name in names:
        for ending in WRITTEN:
            assert (folder / "tables" / f"{name}.{ending}").stat().st_size > 50


def test_every_figure_stands_alone(folder):
    for path in (folder / "figures").glob("*.json"):
        spec = json.loads(path.read_text())
        assert spec["datasets"]["rows"]
        assert path.with_suffix(".svg").read_text().startswith("<svg")
    assert (folder / "figures" / "curves-copy.svg").exists()


def test_references_are_those_of_what_ran(folder):
    entries = read_entries((folder / "references.bib").read_text())
    assert {"cho2014learning", "hochreiter1997long"} <= set(entries)
    assert "vaswani2017attention" not in entries


@pytest.mark.parametrize(("ending", "start"), [("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_other_formats_are_what_they_say(ending, start, folder):
    spec = json.loads((folder / "figures" / "overall.json").read_text())
    assert DRAWN[ending](spec).startswith(start)


def test_an_unknown_format_is_refused(store, tmp_path):
    with pytest.raises(ValueError, match=r"no format 'gif' .*there are: json, pdf"):
        write_export(store, tmp_path / "out", ["gif"])
    assert not (tmp_path / "out").exists()
