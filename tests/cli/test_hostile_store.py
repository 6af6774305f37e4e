"""Records that are allowed and odd break no command that reads a store."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import JsonValue
from tests.synthetic import make_history, make_record
from typer.testing import CliRunner

from nnarena.cli import app
from nnarena.core.scoring import Scoring
from nnarena.runs.record import Cost, History, Record, read_record, to_json
from nnarena.runs.store import DirectoryStore


def with_result(**changes) -> Callable[[Record], Record]:
    return lambda run: run.model_copy(
        update={"result": run.result.model_copy(update=changes)}
    )


def with_cost(cost: Cost) -> Callable[[Record], Record]:
    return lambda run: run.model_copy(update={"cost": cost})


ODD: dict[str, Callable[[Record], Record]] = {
    "best": with_result(test_score=1e45, test_loss=-1e45),
    "none": with_result(test_score=None, validation_loss=None, parameters=None),
    "zero": with_result(steps=0, best_step=0, parameters=0),
    "late": with_result(best_step=2**53),
    "free": with_cost(Cost()),
    "dear": with_cost(Cost(run_seconds=1e12, compile_seconds=1e12, peak_bytes=2**53)),
}
"""Numbers at the edge of what is allowed, each under the name of a contender."""

NAMES = [
    "",
    "[red]x[/] </script><b>",
    "{{7*7}} %s \\textbf{x} $x$ & # _",
    "../../x",
    "x" + "9" * 400,
]

NUMBERS: dict[str, JsonValue] = {"a": {"b": {}}, "c": "\x1b[31m", "d": 10**300}


@pytest.fixture
def store(tmp_path) -> DirectoryStore:
    """Odd runs beside usual ones, each as a reader takes it."""
    store, rng = DirectoryStore(tmp_path / "results"), np.random.default_rng(0)
    tiny = Scoring(
        metric="accuracy", higher_is_better=True, chance=0.1, best=0.1001, solved=0.5
    )
    runs = [make_record(name, "copy", seed) for name in ODD for seed in (0, 1)]
    runs = [ODD[run.identity.model.name](run) for run in runs]
    runs += [make_record(name, "copy", seed) for name in NAMES for seed in (0, 2**53)]
    runs += [make_record("gru", name, 0) for name in NAMES]
    runs += [make_record("gru", "copy", seed, settings=NUMBERS) for seed in (0, 1)]
    runs += [
        make_record("gru", "scale", seed).model_copy(update={"scoring": tiny})
        for seed in (0, 1)
    ]
    for index, run in enumerate(runs):
        curve = make_history(run, rng)
        if index % 3 == 0:
            curve = History(key=run.key, series={"step": [1.0], "x": [None]})
        store.put(read_record(to_json(run)), curve, {})
    return store


@pytest.mark.filterwarnings("default")
def test_no_reader_breaks(store, tmp_path):
    results = str(store.root)
    for words in (
        ["compare", results],
        ["compare", "best", "free", "-r", results],
        ["report", results],
        ["export", results, "--to", str(tmp_path / "paper"), "-f", "json"],
        ["cite", results],
        ["merge", results, str(tmp_path / "into")],
    ):
        answer = CliRunner().invoke(app, words)
        assert answer.exit_code == 0, (words, answer.output)
        assert "\x1b" not in answer.output
    board = CliRunner().invoke(app, ["compare", results, "--json"])
    assert len(json.loads(board.stdout)["standings"]) >= len(ODD) + len(NAMES)
    page = (store.root / "report.html").read_text(encoding="utf-8")
    assert "</script><b>" not in page
    made = {path.name for path in Path(tmp_path).iterdir()}
    assert made == {"results", "paper", "into"}
