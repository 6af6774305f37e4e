"""Metrics of the package and of a user's file, through the public interface."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nnarena
from nnarena.analysis.frame import runs_frame
from nnarena.cli import app
from nnarena.core.plugins import import_file
from nnarena.metrics import METRICS
from nnarena.report.page import render_report
from nnarena.runs.record import read_record
from nnarena.runs.store import open_store
from nnarena.suite.config import SuiteProblem, parse_suite
from nnarena.suite.plan import make_jobs
from nnarena.suite.restore import restore_record
from nnarena.suite.session import open_session


TRAINER = {"steps": 60, "batch": 16, "checks": 3, "learning_rate": 0.02}

ECHO = {"name": "x", "models": ["elman"], "tasks": ["echo"], "width": 4}

IMBALANCED = '''
import jax
import jax.numpy as jnp

from nnarena import TASKS, AbstractTask
from nnarena.core.scoring import accuracy, auroc, inverse_frequencies
from nnarena.core.types import Classes, Example, Features, Sequence, Signature
from nnarena.tasks import SyntheticSplits


@TASKS.register("rare", family="test", source="a test")
class Rare(AbstractTask):
    """Does a first number far above the others mean an alarm, of 14 %, or chance?

    2.3 -0.1 0.4 -> 1. By chance 86 % are right, and half of all pairs in order.
    """

    signature: Signature
    scoring: object
    def __init__(self, metric: str = "AUROC", weighted: bool = False):
        weights = inverse_frequencies((86, 14)) if weighted else None
        self.signature = Signature(Features(1), Classes(2))
        self.scoring = {
            "AUROC": auroc(solved=0.8, class_weights=weights),
            "accuracy": accuracy(chance=0.86, solved=0.95, class_weights=weights),
        }[metric]

    def splits(self, data, *, key):
        return SyntheticSplits(validation=256, test=1024).draw(key=key)

    def example(self, row):
        first, second = jax.random.split(row)
        xs = jax.random.normal(first, (3, 1))
        # A hint that is never sure: no answer is more likely an alarm than not.
        alarm = jax.random.uniform(second) < 0.28 * jax.nn.sigmoid(4.0 * xs[0, 0])
        return Example(Sequence(xs), alarm.astype(int))
'''

GAIN = '''
import jax.numpy as jnp

from nnarena import METRICS, TASKS, AbstractMean, AbstractTask
from nnarena.core.scoring import Scoring
from nnarena.core.types import Example, Features, Sequence, Signature, Values
from nnarena.tasks import SyntheticSplits

import jax


@METRICS.register("largest miss", family="error", source="a test")
class LargestMiss(AbstractMean):
    """The largest error of an answer's numbers."""

    judges = (Values,)
    outputs: Values

    def of_answers(self, answers, targets):
        return FACTOR * jnp.max(jnp.abs(answers - targets), axis=-1)


@TASKS.register("echo", family="test", source="a test")
class Echo(AbstractTask):
    """Say it again: 0.2 -> 0.2; chance 1/2."""

    signature = Signature(Features(1), Values(1))
    scoring = Scoring(
        metric="largest miss", higher_is_better=False, chance=0.5, best=0.0, solved=0.1
    )

    def splits(self, data, *, key):
        return SyntheticSplits(validation=64, test=128).draw(key=key)

    def example(self, row):
        xs = jax.random.uniform(row, (1, 1), minval=-1.0)
        return Example(Sequence(xs), xs[0])
'''


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes a file of entrants, which are forgotten after the test."""
    for registry in (nnarena.TASKS, METRICS):
        registry.discover()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))

    def write(text: str, name: str = "entrants.py") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_accuracy_says_nothing_of_an_imbalanced_task_and_auroc_does(file, tmp_path):
    """86 % of one class, and a hint that never makes the other the likelier one."""
    import_file(file(IMBALANCED))
    tasks = [
        {"name": "rare", "metric": "accuracy"},
        {"name": "rare", "metric": "AUROC"},
        {"name": "rare", "metric": "AUROC", "weighted": True},
    ]
    results = tmp_path / "results"
    board = nnarena.run(
        ["gru"], tasks, seeds=2, width=6, parameters=None, results=results, **TRAINER
    )
    cells = {cell.task: cell for cell in board.standings[0].cells}
    blind = cells["rare (metric=accuracy, weighted=false)"]
    ranked = cells["rare (metric=AUROC, weighted=false)"]
    assert blind.mean == pytest.approx(0.86, abs=0.03)
    assert blind.counted == pytest.approx(0.0, abs=0.2)
    assert blind.test_interval is not None
    assert ranked.mean is not None
    assert ranked.mean > 0.7
    assert ranked.counted is not None
    assert ranked.counted > 0.4
    assert ranked.test_interval is None
    text = str(board)
    assert "AUROC" in text
    assert "it is not known of AUROC, no share of answers" in text
    losses = {
        record.identity.task.settings.get("weighted", False): record.result.test_loss
        for record in open_store(results)
        if record.scoring.metric == "AUROC"
    }
    weighted = next(
        record for record in open_store(results) if record.scoring.class_weights
    )
    assert weighted.scoring.class_weights == pytest.approx((1 / 1.72, 1 / 0.28))
    assert None not in losses.values()
    assert (losses[True] or 0) > (losses[False] or 0)  # both classes weigh as much


def test_a_metric_of_a_file_is_run_recorded_compared_and_reported(file, tmp_path):
    path = file(GAIN.replace("FACTOR", "1.0"))
    suite = {
        "name": "mine",
        "plugins": [str(path)],
        "models": ["elman"],
        "tasks": ["echo"],
        "seeds": 2,
        "width": 4,
        "trainer": {**TRAINER, "steps": 9},
    }
    results = tmp_path / "results"
    session = open_session(parse_suite(suite, "mine"), results)
    events = list(session.run(workers=0))
    assert {event.kind for event in events} >= {"check", "done"}
    records = list(open_store(results))
    assert [record.scoring.metric for record in records] == ["largest miss"] * 2
    assert records[0].identity.task.version.startswith("text-")
    assert ", scored by" not in records[0].identity.task.version  # one text of both
    model, task = restore_record(records[0], open_store(results))
    assert task.scoring.metric == "largest miss"
    assert model is not None
    del METRICS._entries["largest miss"]  # whoever reads need not have the file
    kept = open_store(results).content("records", records[0].key)
    assert kept is not None
    again = read_record(kept)
    assert again == records[0]
    board = nnarena.leaderboard(results)
    assert board.tasks[0].metric == "largest miss"
    assert not board.tasks[0].higher_is_better
    assert "largest miss" in render_report(open_store(results), "mine")
    done = CliRunner().invoke(app, ["compare", str(results), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["tasks"][0]["metric"] == "largest miss"
    assert set(runs_frame(records)["metric"]) == {"largest miss"}


def test_an_edited_metric_is_another_run(file):
    """Its task may stand in another file, whose text is still the same."""
    suite = parse_suite(ECHO, "x")
    keys = []
    for factor in ("1.0", "2.0"):
        text = GAIN.replace("FACTOR", factor)
        metric, task = text.split("@TASKS")
        head = metric.split("@METRICS")[0]
        import_file(file(metric, f"metric{factor[0]}.py"))
        if not keys:
            import_file(file(f"{head}@TASKS{task}", "task.py"))
        keys.append(make_jobs(suite)[0])
        del METRICS._entries["largest miss"]
    first, second = (job.identity.task.version for job in keys)
    assert first.partition(", scored by ")[0] == second.partition(", scored by ")[0]
    assert first.partition(", scored by ")[2].startswith("largest miss text-")
    assert keys[0].key != keys[1].key


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        ("largest mis", "there is no metric named 'largest mis'"),
        ("AUROC", "task echo: AUROC judges classes and labels, not values"),
    ],
)
def test_a_metric_that_cannot_judge_is_told_before_anything_runs(
    file, metric, sentence
):
    text = GAIN.replace("FACTOR", "1.0")
    import_file(file(text.replace('metric="largest miss"', f'metric="{metric}"')))
    suite = parse_suite(ECHO, "x")
    with pytest.raises((SuiteProblem, KeyError)) as caught:
        make_jobs(suite)
    assert sentence in str(caught.value)
