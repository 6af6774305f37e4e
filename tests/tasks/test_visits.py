"""A task from somebody's table: uneven times, missing values, unequal lengths."""

from pathlib import Path

import numpy as np
import pytest

import nnarena
from nnarena.check import TASK_LAWS, TaskCase, judge
from nnarena.core.plugins import import_file
from nnarena.runs.store import open_store
from nnarena.tasks.files import DataFolder


FILE = Path(__file__).parents[2] / "examples/visits.py"


@pytest.fixture
def table(tmp_path, monkeypatch) -> Path:
    """Returns a folder of data with 600 patients, of whom every second is ill."""
    rng = np.random.default_rng(0)
    lines = ["patient,day,pulse,temp,ill"]
    for patient in range(600):
        ill, day = patient % 2, 0.0
        for _ in range(rng.integers(3, 20)):
            day += 0.1 + rng.exponential(6.0)
            pulse = 60 + 5 * ill + 5 * rng.standard_normal()
            temp = 36.5 + 0.4 * ill + 0.4 * rng.standard_normal()
            seen = rng.random(2) < (0.8, 0.7)
            pulse, temp = f"{pulse:.1f}" * int(seen[0]), f"{temp:.2f}" * int(seen[1])
            lines.append(f"{patient},{day:.2f},{pulse},{temp},{ill}")
    (tmp_path / "visits").mkdir()
    (tmp_path / "visits/visits.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("NNARENA_DATA", str(tmp_path))
    return tmp_path


def test_a_table_is_a_task_in_thirty_lines():
    written = [line for line in FILE.read_text().splitlines() if line.strip()]
    assert len(written) <= 30


def test_it_obeys_every_law(table):
    import_file(FILE)
    case = TaskCase("visits", data=DataFolder(table))
    for law in TASK_LAWS:
        verdict = judge(law, case)
        assert verdict.passed is not False, verdict.detail
    lengths = np.asarray(case.examples.question.present).sum(axis=1)
    assert lengths.min() < 6 < 15 < lengths.max()


def test_contenders_of_every_kind_learn_it(table, tmp_path):
    import_file(FILE)
    models = ["gru", "transformer", "encoder_decoder_transformer"]
    nnarena.run(
        models,
        ["visits"],
        seeds=2,
        parameters=1_000,
        results=tmp_path / "results",
        steps=150,
    )
    scores = {
        (record.identity.model.name, record.identity.seed): record.result.test_score
        or 0
        for record in open_store(tmp_path / "results")
    }
    assert len(scores) == 2 * len(models)
    assert (
        min(score or 0.0 for score in scores.values()) > 0.6
    )  # two standard errors above a blind answer
