"""A table of the tasks of bAbI, of made-up records."""

import numpy as np
from experiments import tasks_tables
from scipy import stats
from tests.synthetic import make_record

from nnarena.analysis.frame import runs_frame


def runs(model: str, task: int, *scores: float | None):
    """Runs of the seeds 0, 1, ...; of None there is no run."""
    return [
        make_record(model, "babi", seed, score=score, task_settings={"task": task})
        for seed, score in enumerate(scores)
        if score is not None
    ]


def table(monkeypatch, *groups) -> dict[str, dict[str, str]]:
    """Returns the cells by the first of their row, then by contender."""
    frame = runs_frame([record for group in groups for record in group])
    monkeypatch.setattr(tasks_tables, "rows_of", lambda store: frame)
    lines = [
        line for line in tasks_tables.tasks_table("claims/babi") if line[:1] == "|"
    ]
    (_, *names), _, *rows = (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in lines
    )
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


ERROR, FAILED = "mean error over tasks, %", "failed of 2, mean: each seed"


def test_failed_tasks_are_counted_by_seed_and_errors_averaged_over_tasks(monkeypatch):
    one, two = np.array([0.95, 0.92, 0.85]), np.array([0.5, 0.6, 0.55])
    found = table(monkeypatch, runs("lstm", 1, *one), runs("lstm", 2, *two))
    assert found["babi (task=1)"]["lstm"].endswith(", 2/3")
    assert found[FAILED]["lstm"] == "1.33: 1, 1, 2"  # the bar of 0.9 is made up, too
    low, high = stats.ttest_ind(one, -two, equal_var=False).confidence_interval()
    error, ends = 100 * (1 - np.mean([one, two])), 50 * (2 - np.array([high, low]))
    assert found[ERROR]["lstm"] == f"{error:.3g} [{ends[0]:.3g}, {ends[1]:.3g}]"


def test_runs_that_broke_are_failed_tasks_and_stand_in_their_cell(monkeypatch):
    posed = {"task": 2}
    broken = [
        make_record("gru", "babi", 2, outcome="diverged", task_settings=posed),
        make_record("gru", "babi", 3, outcome="failed", task_settings=posed),
    ]
    found = table(
        monkeypatch,
        runs("gru", 1, 0.95, 0.95, 0.95, 0.95),
        runs("gru", 2, 0.95, 0.94),
        broken,
    )
    assert found["babi (task=2)"]["gru"].endswith(", 1 diverged, 1 failed")
    assert found[FAILED]["gru"] == "0.5: 0, 0, 1, 1"
    # The failed run is left out of the mean, the diverged one has chance, 0.1.
    mean = (0.95 + (0.95 + 0.94 + 0.1) / 3) / 2
    assert found[ERROR]["gru"].startswith(f"{100 * (1 - mean):.3g}")


def test_what_lacks_a_task_has_no_figure_over_all(monkeypatch):
    found = table(
        monkeypatch,
        runs("lstm", 1, 0.95, 0.5),
        runs("lstm", 2, 0.95, None),
        runs("gru", 1, 0.5, 0.5),
    )
    assert found[FAILED] == {"lstm": "0: 0, -", "gru": "lacks tasks"}
    assert found[ERROR]["gru"] == "lacks tasks"
    assert found["babi (task=2)"]["gru"] == "-"
