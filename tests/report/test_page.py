"""The page of a made-up store: whole, honest, and on its own."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.synthetic import (
    PROVENANCE,
    TASKS,
    fill_store,
    make_history,
    make_record,
)

from nnarena.analysis.differences import differences
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.scores import scores_of
from nnarena.analysis.versus import versus
from nnarena.report.page import render_report, write_report
from nnarena.report.words import interval_text
from nnarena.runs.record import History
from nnarena.runs.store import DirectoryStore


VOID = {"meta", "link", "br", "hr", "img", "input"}


class Outline(HTMLParser):
    """Tags with their attributes, text outside of scripts, and scripts by id."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.scripts: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            name = self.tags[-1][1].get("id") or f"script {len(self.scripts)}"
            self.scripts[name] = self.scripts.get(name, "") + data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def drawings(outline: Outline) -> dict[str, dict]:
    return json.loads(outline.scripts["figures"])


def column(drawing: dict, name: str) -> list:
    """Returns a column of a figure's data, its words spelled out."""
    values = drawing["columns"][name]
    if isinstance(values, list):
        return values
    return [values["words"][place] for place in values["at"]]


def test_every_element_is_closed(outline):
    assert outline.open == []


def test_nothing_outside_is_asked_for(outline):
    loading = ("src", "href", "srcset", "data", "action", "poster")
    asked = [
        attributes[name]
        for _, attributes in outline.tags
        for name in loading
        if name in attributes
    ]
    assert [address for address in asked if not str(address).startswith("#")] == []
    style = "".join(re.findall(r"@import|url\(", " ".join(outline.words)))
    assert style == ""
    assert not any(
        "url" in spec for spec in find_data(list(drawings(outline).values()))
    )


def find_data(value: object) -> list[dict]:
    """All "data" parts of specifications."""
    if isinstance(value, list):
        return [found for item in value for found in find_data(item)]
    if not isinstance(value, dict):
        return []
    own = [value["data"]] if isinstance(value.get("data"), dict) else []
    return own + [found for item in value.values() for found in find_data(item)]


def test_the_page_forbids_itself_to_load_anything(outline):
    (policy,) = (
        str(attributes["content"])
        for tag, attributes in outline.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert "unsafe-eval" not in policy


def test_every_contender_and_task_is_named(outline):
    for name in ("gru", "lstm", "<script>alert(1)</script>", "copy", "add", "recall"):
        assert name in outline.text


def test_hostile_names_are_only_text(page, outline):
    assert "<script>alert(1)</script>" not in page
    assert len(outline.scripts) == 3
    names = column(drawings(outline)["overall"], "contender")
    assert "<script>alert(1)</script>" in names


def test_what_cannot_be_concluded_stands_beside_what_can(outline):
    can, cannot = (
        outline.text.index("What can be said"),
        outline.text.index("What cannot"),
    )
    assert can < outline.text.index("Solved on every seed by at least one") < cannot
    for words in (
        "Ranks over 3 tasks cannot tell any two of 3 contenders apart",
        "no difference, however large, can be told from chance: that takes 5 seeds",
        "That no difference was found does not mean that there is none.",
    ):
        assert outline.text.index(words) > cannot


def test_lost_runs_are_counted_and_explained(outline):
    assert (
        "Of 27 runs, 24 finished, 2 diverged (each counts as a blind answer) and "
        "1 failed (no result)."
    ) in outline.text
    assert (
        outline.text.count("the loss was not finite at step 640") == 4
    )  # listed twice
    assert "out of memory: the process asked for 9 GiB" in outline.text
    crosses = [
        outcome
        for name, drawing in drawings(outline).items()
        if name.startswith("seeds-")
        for outcome in column(drawing, "outcome")
        if outcome == "diverged"
    ]
    assert len(crosses) == 2


def test_the_verdict_stands_first(outline):
    assert "The runs cannot tell gru, which has the highest overall score" in (
        outline.text
    )
    assert "2 seeds are fewer than the 5 that a verdict takes" in outline.text


@pytest.fixture(scope="module")
def clear(tmp_path_factory: pytest.TempPathFactory) -> tuple[DirectoryStore, str]:
    """A store of three contenders, two of which are alike, and the text of its page."""
    folder = tmp_path_factory.mktemp("clear")
    abilities = {"gru": 0.95, "lstm": 0.21, "elman": 0.2}
    store = fill_store(folder / "runs", abilities)
    page = write_report(store, folder / "report.html", "clear")
    return store, Outline(page.read_text(encoding="utf-8")).text


def test_the_page_says_who_beats_whom(clear):
    _, text = clear
    family = "(95 % for all 3 pairs at once)"
    can, cannot = text.index("What can be said"), text.index("What cannot")
    said = f"Over these tasks the scores tell 2 of 3 pairs apart {family}."
    assert can < text.index(said) < text.index("gru beats elman and lstm.") < cannot
    assert f"gru beats every other contender: elman and lstm {family}." in text
    assert "Of 3 pairs the scores cannot tell 1 apart." in text[cannot:]
    assert "Ranks over 3 tasks cannot tell any two" in text[cannot:]


def test_the_page_says_of_a_pair_what_compare_says(clear):
    store, text = clear
    scores = scores_of(runs_frame(store))
    table = text[text.index("All pairs: differences of overall scores") :]
    for pair in differences(scores).pairs:
        first, second = pair.first, pair.second
        if pair.gap < 0:
            first, second = second, first
        found = versus(scores, first, second)
        assert found.interval is not None
        ends = interval_text(found.interval)
        row = f"{first} {found.answer} {second} {found.gap:+.3f} {ends} 3 5"
        assert row in table


def test_runs_that_split_are_counted_in_their_cell(tmp_path):
    store = DirectoryStore(tmp_path / "runs")
    for seed, score in enumerate([1.0, 0.1, 1.0, 0.2, 1.0]):
        record = make_record(seed=seed, score=score)
        store.put(record, History(key=record.key), {})
    page = write_report(store, tmp_path / "report.html", "split").read_text("utf-8")
    assert "3 of 5 solved: 23 to 88 % mean 0.660" in Outline(page).text


def test_all_figures_are_there_and_have_a_place(outline):
    places = {a["data-figure"] for _, a in outline.tags if "data-figure" in a}
    per_task = {f"{kind}-{task}" for kind in ("seeds", "curves") for task in TASKS}
    assert set(drawings(outline)) == places
    assert places >= {"overall", "ranks", "profiles", "tasks"} | per_task


def test_links_lead_somewhere(outline):
    places = {
        f"#{attributes['id']}" for _, attributes in outline.tags if "id" in attributes
    }
    links = {
        attributes["href"] for _, attributes in outline.tags if "href" in attributes
    }
    assert links
    assert links <= places


def test_every_contender_has_its_equations_or_why_not(outline):
    assert sum(tag == "math" for tag, _ in outline.tags) >= 8
    assert "Cho et al. 2014" in outline.text
    assert (
        "<script>alert(1)</script> comes from outside of this package" in outline.text
    )


def test_every_run_is_listed_under_its_contender(outline):
    assert "Every run of gru: 9 runs, of which 1 failed" in outline.text
    assert "Every run of lstm: 9 runs, of which 2 diverged" in outline.text


def test_provenance_tells_no_path(page, outline):
    assert "version nnarena 0.1.0 27" in outline.text
    assert "hardware processor Example CPU 27" in outline.text
    assert "commit 1234567890abcdef 27" in outline.text
    assert "Store: runs" in outline.text
    assert "secret" not in page


def test_a_page_depends_on_its_store_alone(store, page, tmp_path):
    again = write_report(store, tmp_path / "again.html", "Arena & friends")
    assert again.read_text(encoding="utf-8") == page


def test_what_cannot_be_read_is_listed(tmp_path):
    store = fill_store(tmp_path / "runs", {"gru": 0.9}, tasks=["copy"], seeds=2)
    (tmp_path / "runs" / "records" / "broken.json").write_text("{")
    path = write_report(store, tmp_path / "report.html", "broken")
    text = Outline(path.read_text(encoding="utf-8")).text
    assert "1 record could not be read and is missing here." in text
    assert "broken.json :" in text
    assert str(tmp_path) not in text


def test_an_empty_store_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no run to report on in the store$"):
        write_report(DirectoryStore(tmp_path), tmp_path / "report.html", "empty")
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"\(1 could not be read\)"):
        write_report(DirectoryStore(tmp_path), tmp_path / "report.html", "empty")
    assert not (tmp_path / "report.html").exists()


def test_runs_without_scores_or_histories_still_make_a_page(tmp_path):
    store = DirectoryStore(tmp_path / "runs")
    path = tmp_path / "runs" / "records" / "x.json"
    path.parent.mkdir(parents=True)
    record = make_record(outcome="failed", reason="no memory", steps=0)
    path.with_name(f"{record.key}.json").write_text(record.model_dump_json())
    page = write_report(store, tmp_path / "report.html", "failed").read_text("utf-8")
    assert "No run has a score yet" in page


def test_a_report_needs_no_accelerator_stack():
    code = (
        "import nnarena.report.page, sys;"
        "assert not {'jax', 'torch', 'equinox', 'optax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_page_says_how_near_the_budget_was_met(tmp_path):
    asked = PROVENANCE.model_copy(update={"asked_parameters": 20_000})
    store = DirectoryStore(tmp_path)
    for seed in range(2):
        record = make_record(seed=seed, width=600, provenance=asked)
        store.put(record, make_history(record, np.random.default_rng(seed)), {})
    told = render_report(store, "Budgets")
    assert "Parameters are within 3.0 % of the budget." in told
    assert "+3.0 % off budget" in told
