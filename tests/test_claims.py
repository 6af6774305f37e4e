"""What the pages of claims say is what the measured files hold."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from experiments import (
    claim_tables,
    drawings,
    memory_cell,
    pages,
    quick_order,
    random_walk,
    tasks_tables,
)

from nnarena.analysis.evaluations import evaluated
from nnarena.analysis.intervals import Interval
from nnarena.analysis.length import LengthPoint
from nnarena.analysis.published import against_published, gap_to
from nnarena.analysis.scores import scores_of
from nnarena.analysis.studies import published_figures
from nnarena.analysis.versus import versus
from nnarena.models import MODELS
from nnarena.runs.evaluations import read_evaluations
from nnarena.runs.record import Record
from nnarena.runs.store import DirectoryStore
from nnarena.suite.config import load_suite, suite_names
from nnarena.suite.recipes import make_trainer, recipe_of, suite_recipe


ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs/claims/memory_cell.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    text = (ROOT / "results/claims/memory_cell.json").read_text(encoding="utf-8")
    results = json.loads(text)
    assert results["training"] == memory_cell.TRAINING
    return {part: memory_cell.table(results, part) for part in memory_cell.COLUMNS}


WITH_TABLES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "docs").rglob("*.md")
    if pages.BLOCK.search(path.read_text(encoding="utf-8"))
)


SHOWN = ("table", "tasks", "grid", "success", "replacing")
"""The tables that show what runs came to."""


def test_every_claim_that_is_a_suite_has_a_page_with_its_table():
    own = {path.stem for path in (ROOT / "experiments").glob("*.toml")}
    suites = own | {name.replace("-", "_") for name in suite_names()}
    claims = "".join((ROOT / name).read_text(encoding="utf-8") for name in WITH_TABLES)
    for store in (ROOT / "results" / "claims").iterdir():
        if store.is_dir():
            assert store.name in suites
            blocks = (f"<!-- {kind}: claims/{store.name} -->" for kind in SHOWN)
            assert any(block in claims for block in blocks)


def test_no_record_names_a_folder_of_the_machine_that_made_it():
    """A file of one's own stands under the place that it has in this repository."""
    for path in (ROOT / "results").rglob("records/*.json"):
        provenance = json.loads(path.read_text(encoding="utf-8"))["provenance"]
        for plugin in provenance.get("plugins", ()):
            assert (ROOT / plugin["path"]).is_file()
            assert not Path(plugin["path"]).is_absolute()


@pytest.mark.parametrize("name", WITH_TABLES)
def test_tables_of_records_are_up_to_date(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    folder = (ROOT / name).parent
    assert pages.renewed(text, folder) == text, "run python -m experiments.pages"
    assert pages.stale_figures(text) == {}, "run python -m experiments.pages"


def test_every_drawing_is_on_a_page():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md")]
    for path in drawings.FIGURES.glob("*.svg"):
        assert any(f"figures/{path.name})" in text for text in texts)


ASKED = "<!-- figure: claims/lengths seeds-memory-fillers-160 -->\n<!-- end -->"


def test_a_figure_is_drawn_from_its_records_alike_each_time(monkeypatch, tmp_path):
    monkeypatch.setattr(drawings, "FIGURES", tmp_path / "docs" / "figures")
    ((path, svg),) = pages.stale_figures(ASKED).items()
    path.parent.mkdir(parents=True)
    path.write_text(svg, encoding="utf-8")
    assert pages.drawn_on(ASKED) == {path: svg}
    assert pages.stale_figures(ASKED) == {}
    (image,) = re.findall(r"!\[.+\]\((.+)\)", pages.renewed(ASKED, tmp_path / "docs"))
    assert (tmp_path / "docs" / image).samefile(path)


@pytest.mark.parametrize(
    ("old", "new"), [("score: 0.4", "score: 0.5"), ("rows: ", "rows: 0")]
)
def test_a_drawing_that_says_something_else_is_stale(monkeypatch, tmp_path, old, new):
    monkeypatch.setattr(drawings, "FIGURES", tmp_path)
    ((path, svg),) = pages.drawn_on(ASKED).items()
    assert old in svg
    path.write_text(svg.replace(old, new, 1), encoding="utf-8")
    assert list(pages.stale_figures(ASKED)) == [path]


def test_a_table_of_tasks_counts_the_failed_ones_of_each_seed():
    lines = list(tasks_tables.tasks_table("claims/time_scales"))
    heads, failed = (
        [cell.strip() for cell in line.split("|")[2:-1]]
        for line in (lines[0], lines[4])
    )
    found = dict(zip(heads, failed, strict=True))
    assert found["clockwork"] == "0: 0, 0, 0, 0, 0"
    assert found["skip_rnn"] == "0.4: 0, 0, 0, 1, 1"  # the latch, by 3 seeds of 5
    assert found["lstm"] == "2: 2, 2, 2, 2, 2"


def test_who_is_told_apart_says_what_compare_says(monkeypatch):
    """Twice the runs tell apart on a task what five of each cannot."""
    frame = claim_tables.rows_of("claims/lengths")
    _, _, *few = claim_tables.told_table("claims/lengths")
    twice = pd.concat([frame, frame.assign(seed=frame.seed + 5)], ignore_index=True)
    monkeypatch.setattr(claim_tables, "rows_of", lambda store: twice)
    _, _, *many = claim_tables.told_table("claims/lengths")
    assert few[:-1] == ["| transformer | gru | - | - | - | - | - |", ""]
    assert many[:-1] == ["| transformer | gru | - | - | - | gru | gru |", ""]
    found = versus(scores_of(twice), "transformer", "gru")
    assert found.answer == "beats"
    settled = [pair.task for pair in found.tasks if pair.settled]
    assert settled == ["memory (fillers=160)", "memory (fillers=320)"]
    monkeypatch.setattr(claim_tables, "rows_of", lambda store: frame[frame.seed == 0])
    (nothing,) = claim_tables.told_table("claims/lengths")
    assert nothing.endswith("the runs tell no two apart.")


def test_a_changed_figure_is_noticed():
    text = (ROOT / "docs/thesis.md").read_text(encoding="utf-8")
    assert pages.renewed(text.replace("0.442", "0.443")) == text


def test_the_verdicts_on_lengths_are_those_of_the_page():
    store = DirectoryStore(ROOT / "results/claims/lengths")
    curves = evaluated(list(store), read_evaluations(store)).curves
    verdicts = {
        (curve.contender, point.length): claim_tables.carries_over(point)
        for curve in curves
        for point in curve.points
        if point.length != curve.trained
    }
    assert verdicts == {
        ("gru", 40): "carries over",
        **{("gru", length): "cannot be told" for length in (80, 160, 320)},
        ("transformer", 40): "cannot be told",
        **{("transformer", length): "does not" for length in (80, 160, 320)},
    }
    assert all(len(curve.points) == 5 for curve in curves)
    assert all(point.runs == 5 for curve in curves for point in curve.points)


@pytest.mark.parametrize(
    ("mean", "interval", "verdict"),
    [
        (0.9, None, "carries over"),
        (0.95, Interval(0.9, 1.0), "carries over"),
        (0.95, Interval(0.89, 1.0), "cannot be told"),
        (0.85, Interval(0.8, 0.9), "cannot be told"),
        (0.8, Interval(0.7, 0.89), "does not"),
        (0.8, None, "does not"),
    ],
)
def test_carrying_over_is_judged_by_the_whole_interval(mean, interval, verdict):
    point = LengthPoint(40.0, "memory", 5, mean, interval, 0, bar=0.9, one_level=False)
    assert claim_tables.carries_over(point) == verdict


@pytest.fixture(scope="module")
def cells() -> dict[tuple[str, str], list[Record]]:
    """The thesis's runs by task and contender, in the order of their seeds."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in DirectoryStore(ROOT / "results/thesis"):
        of = record.identity
        found.setdefault((of.task.name, of.model.name), []).append(record)
    return {
        cell: sorted(runs, key=lambda run: run.identity.seed)
        for cell, runs in found.items()
    }


def test_the_verdict_of_the_thesis_page_is_that_of_its_table(cells):
    """Should new seeds change a verdict, the page has to be written anew."""
    text = (ROOT / "docs/thesis.md").read_text(encoding="utf-8")
    assert "**No figure of the thesis is shown to come out again" in text
    found = against_published([run for runs in cells.values() for run in runs])
    assert {cell.verdict for cell in found} == {"not told apart"}
    first = against_published([runs[0] for runs in cells.values()])
    assert {
        (cell.figure.contender, cell.task, cell.better)
        for cell in first
        if cell.verdict == "differs"
    } == {
        ("encoder_decoder_transformer", "walker", False),
        ("ode_lstm", "add", True),
    }


def test_three_seeds_in_every_cell_would_bring_no_interval_within_its_margin(cells):
    for task, contender in cells:
        (figure,) = [
            figure
            for figure in published_figures("thesis")
            if (figure.task, figure.contender) == (task, contender)
        ]
        three = figure.value + figure.spread * np.array([-1.0, 0.0, 1.0])
        gap = gap_to(figure, [float(score) for score in three])
        assert gap is not None
        assert gap.reach > figure.margin


def test_later_seeds_were_begun_when_the_first_could_be_seen(cells):
    several = {cell: runs for cell, runs in cells.items() if len(runs) > 1}
    assert len(cells) == 24
    for first, *later in several.values():
        for run in later:
            assert run.provenance.started_at >= first.provenance.finished_at
    order = sorted(several, key=lambda cell: several[cell][1].provenance.started_at)
    assert order[:5] == [
        ("walker", "encoder_decoder_transformer"),
        ("memory", "gru"),
        ("add", "ode_lstm"),
        ("add", "lstm"),
        ("mnist", "ct_gru"),
    ]


def test_gradients_of_the_thesis_s_runs_are_no_smaller_than_its_page_says(cells):
    store = DirectoryStore(ROOT / "results/thesis")
    means = []
    for run in (run for runs in cells.values() for run in runs):
        history = store.history(run.key)
        assert history is not None
        norm = history.series["gradient_norm"][0]
        assert norm is not None
        assert run.result.parameters is not None
        means.append(norm / math.sqrt(run.result.parameters))
    assert min(means) == pytest.approx(2.5e-3, rel=0.01)


@pytest.mark.parametrize("part", memory_cell.COLUMNS)
def test_a_table_is_that_of_the_file(part: str, page: str, tables: dict[str, str]):
    assert tables[part] in page


def test_shares_in_the_prose_are_in_the_tables(page: str, tables: dict[str, str]):
    """But for those that describe the task: pulses on 4 and 10 % of the steps."""
    measured = "\n".join(tables.values())
    prose = page
    for table in tables.values():
        prose = prose.replace(table, "")
    shares = set(re.findall(r"[\d.]+ %", prose)) - {"4 %", "10 %"}
    assert "90.6 %" in shares
    assert [share for share in shares if f"| {share} |" not in measured] == []


def test_the_page_of_quick_holds_its_table_and_no_contradiction():
    results = json.loads(quick_order.FILE.read_text(encoding="utf-8"))
    assert list(results["variants"]) == list(quick_order.VARIANTS)
    for variant, found in results["variants"].items():
        assert found["changes"] == json.loads(
            json.dumps(quick_order.changes_of(variant))
        ), "the suite is another now: run experiments/quick_order.py"
    text = quick_order.PAGE.read_text(encoding="utf-8")
    assert quick_order.renewed(text, results) == text
    assert quick_order.contradictions(results["variants"]) == []


@pytest.fixture(scope="module")
def walked() -> dict[str, Any]:
    """What the random walks of gradients came to."""
    return json.loads(random_walk.FILE.read_text(encoding="utf-8"))


def test_the_page_of_random_walks_holds_its_tables_and_its_figure(walked):
    text = random_walk.PAGE.read_text(encoding="utf-8")
    assert random_walk.renewed(text, walked) == text, "run experiments/random_walk.py"
    assert f"](../figures/{random_walk.FIGURE.name})" in text
    assert "<svg" in random_walk.FIGURE.read_text(encoding="utf-8")


def test_walks_are_as_their_page_says(walked):
    """Level at the right gain, down at the usual one, and wider in narrow stacks."""
    root, spread = math.sqrt(walked["walks"]), {}
    for row in walked["stacks"]:
        mean, deviation = row["mean"][-1], row["deviation"][-1]
        spread[row["through"], row["units"], row["start"]] = deviation
        if row["through"] == "linear":
            assert abs(mean - random_walk.foreseen(row)) < 4 * deviation / root
        if row["start"] == "random walk":
            assert abs(mean) < 4 * deviation / root
        else:
            assert mean < -8 * deviation / root
    for through in ("linear", "relu"):
        few, many = (spread[through, units, "random walk"] for units in (20, 100))
        assert few / many == pytest.approx(math.sqrt(5.0), rel=0.15)


@pytest.mark.parametrize("through", ["linear", "relu"])
def test_the_first_walks_come_out_again(walked, through):
    """Those of tanh are chaotic: 250 layers make much of a last bit."""
    (row,) = (
        row
        for row in walked["stacks"]
        if (row["through"], row["units"], row["start"]) == (through, 20, "random walk")
    )
    gain = random_walk.walk_gain(20, through)
    again = random_walk.walks(through, 20, [gain], count=10)[:: walked["every"], :, 0]
    np.testing.assert_allclose(row["walks"][:10], again.T, atol=2e-3)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "experiments").glob("*.toml")), ids=lambda path: path.stem
)
def test_every_suite_of_a_claim_has_recipes_that_are_still_accepted(path: Path):
    """A setting that lost its effect would be refused only on the day of the run."""
    suite = load_suite(str(path))
    assert suite_recipe(suite).name
    ours = [model for model in suite.models if model.name in MODELS]
    for model in ours:  # `embedding_start` brings a file of its own
        recipe = recipe_of(suite, model)
        assert make_trainer(recipe.name, recipe.settings)
