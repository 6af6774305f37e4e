"""Whether memory can stand in the place of attention: every word of the rule."""

import numpy as np
import pytest
from experiments import replacing
from scipy import stats
from tests.synthetic import make_record

from nnarena.analysis.controls import measured_settings
from nnarena.analysis.frame import runs_frame
from nnarena.runs.record import Outcome


NOISE = (-0.004, -0.002, 0.0, 0.002, 0.004)


def runs(model: str, mean: float, parameters: int):
    width = parameters - 20_000  # as `make_record` counts them
    return [
        make_record(model, "listops", seed, score=mean + off, width=width)
        for seed, off in enumerate(NOISE)
    ]


def said(monkeypatch, *records, by=replacing.replaced_lines) -> list[str]:
    frame = runs_frame([record for group in records for record in group])
    monkeypatch.setattr(replacing, "rows_of", lambda store: frame)
    return list(by("claims/made_up"))


@pytest.mark.parametrize(
    ("mean", "parameters", "word"),
    [
        (0.50, 20_030, "a memory layer can replace"),
        (0.40, 20_030, "a memory layer cannot replace"),
        (0.48, 20_030, "it cannot be told whether a memory layer can replace"),
        (0.50, 20_100, "it cannot be told whether a memory layer can replace"),
        (0.40, 20_100, "a memory layer cannot replace"),
    ],
)
def test_the_rule_has_a_word_for_each_outcome(monkeypatch, mean, parameters, word):
    memory = runs(replacing.MEMORY, mean, parameters)
    (line,) = said(monkeypatch, runs(replacing.ATTENTION, 0.5, 20_100), memory)
    assert line.startswith(f"- **On listops {word} attention with fewer parameters**")
    assert f"{mean - 0.5:+.3f} [" in line
    assert f"{parameters:,} parameters for 20,100, of 5 runs for 5 runs." in line


def test_the_interval_is_that_of_welch(monkeypatch):
    memory, attention = (np.array(NOISE) + mean for mean in (0.48, 0.5))
    low, high = stats.ttest_ind(
        memory, attention, equal_var=False
    ).confidence_interval()
    (line,) = said(
        monkeypatch,
        runs(replacing.ATTENTION, 0.5, 20_100),
        runs(replacing.MEMORY, 0.48, 20_030),
    )
    assert f"[{low:+.3f}, {high:+.3f}]" in line


def torn(outcome: Outcome, seeds: range):
    return [
        make_record(replacing.MEMORY, "listops", seed, outcome=outcome, width=30)
        for seed in seeds
    ]


@pytest.mark.parametrize(
    ("outcome", "row", "count", "word"),
    [
        ("failed", "0.499 [0.495, 0.503]‡, 1 failed", "(1 failed, left out)", "can "),
        # Chance, 0.1, takes the mean down and makes the interval wide.
        (
            "diverged",
            "0.419 [0.198, 0.641]‡, 1 diverged",
            "(1 diverged, counted as a blind answer)",
            "it cannot be told",
        ),
    ],
)
def test_a_run_that_broke_is_told_in_both_blocks(
    monkeypatch, outcome, row, count, word
):
    made = [
        *runs(replacing.ATTENTION, 0.5, 20_100),
        *runs(replacing.MEMORY, 0.5, 20_030)[:4],
        *torn(outcome, range(4, 5)),
    ]
    table = said(monkeypatch, made, by=replacing.replacing_table)
    (own,) = (line for line in table if line.startswith(f"| {replacing.MEMORY} "))
    assert own == f"| {replacing.MEMORY} | {row} | 20,030 | 0.5 |"
    (line,) = said(monkeypatch, made)
    assert f"of 5 runs {count} for 5 runs." in line
    assert word in line


def test_where_all_runs_failed_both_blocks_say_so(monkeypatch):
    made = [*runs(replacing.ATTENTION, 0.5, 20_100), *torn("failed", range(5))]
    table = said(monkeypatch, made, by=replacing.replacing_table)
    assert f"| {replacing.MEMORY} | -, 5 failed | 20,030 | - |" in table
    (line,) = said(monkeypatch, made)
    assert "of too few runs, 5 runs (5 failed, left out) for 5 runs." in line


def test_of_single_runs_nothing_can_be_told(monkeypatch):
    (line,) = said(
        monkeypatch,
        runs(replacing.ATTENTION, 0.5, 20_100)[:1],
        runs(replacing.MEMORY, 0.5, 20_030)[:1],
    )
    assert "it cannot be told whether" in line


def test_controls_stand_apart_as_they_were_measured_on_the_suites_task(monkeypatch):
    (asked,) = (one for one in measured_settings("listops") if one["length"] == 100)
    made = [
        make_record(name, "listops", seed, score=0.3, task_settings=asked)
        for name in (replacing.ATTENTION, replacing.MEMORY)
        for seed in range(2)
    ]
    table = said(monkeypatch, made, by=replacing.replacing_table)
    assert "| last_step, apart | 0.146 | - | - |" in table
    assert "| window, apart | 0.160 | - | - |" in table
