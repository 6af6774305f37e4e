"""Alignments of a page of claims: drawn from weights once, then from what is kept."""

import json
import shutil
import tomllib

import numpy as np
import pytest
from experiments import alignments, drawings, pages
from typer.testing import CliRunner

import nnarena
from nnarena.cli import app


SUITE = """
models = [
    { name = "lstm_attention", backwards = false },
    { name = "lstm_attention", backwards = true },
]
tasks = [{ name = "reverse", length = 3 }]
seeds = 1
width = 4

[trainer]
steps = 1
batch = 2
checks = 1
"""
ASKED = "<!-- figure: claims/source_order alignments-reverse -->\n<!-- end -->"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source_order")
    (folder / "mine.toml").write_text(SUITE)
    store = folder / "results/claims/source_order"
    words = ["run", str(folder / "mine.toml"), "-r", str(store), "-w", "0"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return folder


def test_alignments_are_drawn_on_a_page_from_the_runs(root, monkeypatch):
    for module in (alignments, drawings):
        monkeypatch.setattr(module, "ROOT", root)
    # Of one task and two contenders, as runs take the time of this test.
    only = {"source_order": {"reverse": "reverse(turned=true)"}}
    monkeypatch.setattr(alignments, "TASKS", only)
    both = dict(list(alignments.CONTENDERS.items())[:2])
    monkeypatch.setattr(alignments, "CONTENDERS", both)
    monkeypatch.setattr(drawings, "FIGURES", root / "docs/figures")
    drawings.figures_of.cache_clear()
    ((path, svg),) = pages.drawn_on(ASKED).items()
    assert path.name == "claims-source_order-alignments-reverse.svg"
    for name in alignments.CONTENDERS.values():
        assert f">{name}<" in svg
    assert "Where each answer looks: reverse" in svg

    store = root / "results/claims/source_order"
    words = ("lstm_attention(backwards=true)", "reverse(turned=true)")
    found = nnarena.restore(store, *words, seed=0)
    (shown,) = nnarena.attention_maps(found.model, found.task, found.splits.validation)
    kept = json.loads(alignments.path_of("source_order").read_text())
    _, own = kept["reverse"]
    assert (own["run"], own["places"]) == (found.record.key, list(shown.places))
    np.testing.assert_allclose(own["weights"], shown.weights, atol=6e-5)

    # A clone has no weights: what is kept is drawn, and alike.
    shutil.rmtree(store / "weights")
    drawings.figures_of.cache_clear()
    ((_, again),) = pages.drawn_on(ASKED).items()
    assert drawings.figure_content(again) == drawings.figure_content(svg)
    alignments.path_of("source_order").unlink()
    assert alignments.alignment_figures("source_order") == {}
    drawings.figures_of.cache_clear()


def test_every_alignment_is_of_a_run_of_the_suite():
    path = alignments.ROOT / "experiments/source_order.toml"
    suite = tomllib.loads(path.read_text(encoding="utf-8"))
    for words, entered in (
        (alignments.CONTENDERS, suite["models"]),
        (alignments.TASKS["source_order"].values(), suite["tasks"]),
    ):
        names = {word.partition("(")[0] for word in words}
        assert names <= {one["name"] for one in entered}
