"""Whether memory can stand in the place of attention: every word of the rule."""

import numpy as np
import pytest
from experiments import replacing
from scipy import stats
from tests.synthetic import make_record

from nnarena.analysis.frame import runs_frame


NOISE = (-0.004, -0.002, 0.0, 0.002, 0.004)


def runs(model: str, mean: float, parameters: int):
    width = parameters - 20_000  # as `make_record` counts them
    return [
        make_record(model, "listops", seed, score=mean + off, width=width)
        for seed, off in enumerate(NOISE)
    ]


def said(monkeypatch, *records) -> list[str]:
    frame = runs_frame([record for group in records for record in group])
    monkeypatch.setattr(replacing, "rows_of", lambda store: frame)
    return list(replacing.replacing_table("claims/made_up"))


@pytest.mark.parametrize(
    ("mean", "parameters", "word"),
    [
        (0.50, 20_030, "can"),
        (0.40, 20_030, "cannot"),
        (0.48, 20_030, "cannot be told"),
        (0.50, 20_100, "cannot be told"),
    ],
)
def test_the_rule_has_a_word_for_each_outcome(monkeypatch, mean, parameters, word):
    memory = runs(replacing.MEMORY, mean, parameters)
    lines = said(monkeypatch, runs(replacing.ATTENTION, 0.5, 20_100), memory)
    assert lines[-1].endswith(f"replace attention: **{word}**.")
    assert f"{mean - 0.5:+.3f} [" in lines[-1]
    assert f"{parameters:,} parameters for 20,100" in lines[-1]


def test_the_interval_is_that_of_welch(monkeypatch):
    memory, attention = (np.array(NOISE) + mean for mean in (0.48, 0.5))
    low, high = stats.ttest_ind(
        memory, attention, equal_var=False
    ).confidence_interval()
    lines = said(
        monkeypatch,
        runs(replacing.ATTENTION, 0.5, 20_100),
        runs(replacing.MEMORY, 0.48, 20_030),
    )
    assert f"[{low:+.3f}, {high:+.3f}]" in lines[-1]


def test_runs_that_did_not_finish_are_counted(monkeypatch):
    memory = runs(replacing.MEMORY, 0.5, 20_030)[:4]
    torn = make_record(replacing.MEMORY, "listops", 4, outcome="failed", width=30)
    lines = said(monkeypatch, runs(replacing.ATTENTION, 0.5, 20_100), [*memory, torn])
    (row,) = (line for line in lines if line.startswith(f"| {replacing.MEMORY} "))
    assert "1 of 5 did not finish" in row
    assert "**can**" in lines[-1]


def test_of_single_runs_nothing_can_be_told(monkeypatch):
    lines = said(
        monkeypatch,
        runs(replacing.ATTENTION, 0.5, 20_100)[:1],
        runs(replacing.MEMORY, 0.5, 20_030)[:1],
    )
    assert "**cannot be told**" in lines[-1]
