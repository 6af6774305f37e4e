"""A matrix of runs: what is kept, what is repeated, and that nothing else matters."""

import math
from pathlib import Path

import numpy as np
import pytest

import nnarena
from nnarena.analysis.frame import runs_frame
from nnarena.core.registry import UnknownName
from nnarena.metrics import Mean
from nnarena.runs.record import Result
from nnarena.runs.store import DirectoryStore
from nnarena.suite import runner
from nnarena.suite.config import parse_suite
from nnarena.suite.executors import InProcess
from nnarena.suite.ledger import Ledger
from nnarena.suite.plan import make_jobs
from nnarena.suite.pool import WorkerPool
from nnarena.suite.session import Session, open_session
from nnarena.training.descent_program import DescentProgram
from nnarena.training.objective import Tally


def outcome(results: str | Path) -> dict[str, tuple]:
    """What must be equal between two ways of doing the same runs."""
    store = DirectoryStore(results)
    return {
        record.key: (
            record.identity,
            record.result,
            store.history(record.key),
            (Path(results) / "weights" / f"{record.key}.safetensors").read_bytes(),
        )
        for record in store
    }


@pytest.fixture
def session(tiny_suite, tmp_path) -> Session:
    return open_session(tiny_suite, tmp_path / "results")


def test_every_job_ends_in_a_record(session):
    events = list(session.run(workers=0))
    assert [event.kind for event in events].count("done") == 2
    assert session.pending == []
    for record in session.store:
        assert record.result.outcome == "finished"
        assert record.result.steps == 20
        assert record.result.test_score is not None
        assert record.result.test_rows == 2_000
        assert record.cost.run_seconds > 0
        assert record.cost.state_size == record.identity.width  # elman's
        history = session.store.history(record.key)
        assert history is not None
        assert history.series["step"] == [4, 8, 12, 16, 20]
        assert min(history.series["validation_loss"]) == record.result.validation_loss


def test_finished_runs_are_not_repeated(session):
    list(session.run(workers=0))
    before = outcome(session.results)
    assert list(session.run(workers=0)) == []
    assert outcome(session.results) == before


def test_an_interrupted_run_ends_with_the_same_bits(session, tmp_path, monkeypatch):
    list(session.run(workers=0))
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    other = Session(session.jobs, tmp_path / "interrupted")
    for stop_after in (2, 3):  # of five checks, twice
        checks = 0
        for event in other.run(workers=0):
            checks += event.kind == "check"
            if checks == stop_after:
                break
    assert len(list((Path(other.results) / "checkpoints").iterdir())) == 1
    list(other.run(workers=0))
    assert outcome(other.results) == outcome(session.results)
    assert max(record.provenance.interruptions for record in other.store) == 2
    assert list((Path(other.results) / "checkpoints").iterdir()) == []


def checkpoints_written(session: Session, monkeypatch) -> int:
    """Returns how often a state is kept while the runs are done."""
    kept = []
    put = DirectoryStore.put_checkpoint
    with monkeypatch.context() as patched:
        patched.setattr(
            DirectoryStore,
            "put_checkpoint",
            lambda self, key, *rest: (kept.append(key), put(self, key, *rest))[1],
        )
        list(session.run(workers=0))
    return len(kept)


def test_a_slow_store_gets_fewer_checkpoints(session, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 1e-9)
    assert checkpoints_written(session, monkeypatch) == 2 * 4  # not after the last
    monkeypatch.setattr(runner, "CHECKPOINT_SHARE", 1e-15)  # as if it took for ever
    slow = Session(session.jobs, tmp_path / "slow")
    assert checkpoints_written(slow, monkeypatch) == 2 * 1
    assert outcome(slow.results) == outcome(session.results)


def test_a_checkpoint_of_something_else_costs_a_fresh_start(session, tmp_path):
    other = Session(session.jobs, tmp_path / "foreign")
    for job in session.jobs:
        other.store.put_checkpoint(job.key, {"weights": np.zeros(3)}, {"ledger": "{}"})
    list(session.run(workers=0))
    list(other.run(workers=0))
    assert outcome(other.results) == outcome(session.results)


def test_a_worker_process_gives_the_same_bits(session, undisturbed, tmp_path):
    """In any order. Two of them are one of the ways of `test_same_bits.py`."""
    list(WorkerPool(tmp_path, 1).run(session.jobs[::-1]))
    assert len(outcome(tmp_path)) == 2
    assert outcome(tmp_path) == outcome(undisturbed)


def test_seeds_as_an_axis_agree_with_seeds_alone(session, tmp_path):
    list(session.run(workers=0))
    list(InProcess(tmp_path / "axis", axes=True).run(session.jobs))
    together = DirectoryStore(tmp_path / "axis")
    for record in session.store:
        twin = next(other for other in together if other.key == record.key)
        assert twin.result.test_loss == pytest.approx(record.result.test_loss, rel=1e-4)
        for name, weight in session.store.weights(record.key).items():
            np.testing.assert_allclose(
                together.weights(record.key)[name], weight, atol=1e-4
            )


PLUGIN = """
import jax.numpy as jnp
from nnarena import MODELS, AbstractLayer

@MODELS.register("{name}", family="test", source="nowhere")
class Layer(AbstractLayer):
    weight: object
    hidden_size: int
    causal: bool

    def __init__(self, features, hidden, *, key):
        self.weight = jnp.ones((features, hidden))
        self.hidden_size, self.causal = hidden, True

    def __call__(self, sequence, *, key=None):
        xs, dts = sequence.xs, sequence.dts
        {body}
"""


def plugin_session(tiny_suite, folder: Path, name: str, body: str) -> Session:
    path = folder / f"{name}.py"
    path.write_text(PLUGIN.format(name=name, body=body))
    nnarena.MODELS  # noqa: B018 - the registry must exist before the file is imported
    from nnarena.core.plugins import import_file

    import_file(path)
    suite = tiny_suite.model_copy(
        update={"models": [tiny_suite.models[0].model_copy(update={"name": name})]}
    )
    return open_session(suite, folder / "results", plugins=[str(path)])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_model_fails_its_own_runs_with_a_reason(tiny_suite, tmp_path, workers):
    name = f"broken_{workers}"
    session = plugin_session(
        tiny_suite, tmp_path, name, 'raise RuntimeError("no luck")'
    )
    # Breaks while shapes are traced for the first time, in the middle of a run.
    events = list(session.run(workers=workers))
    assert [event.kind for event in events] == ["failed", "failed"]
    assert all("no luck" in event.text for event in events)
    record = next(iter(session.store))
    assert record.result.outcome == "failed"
    assert (
        "no luck" in (Path(session.results) / "logs" / f"{record.key}.txt").read_text()
    )
    assert len(session.pending) == 2  # a failed run is tried again


def test_a_plugin_edited_since_the_runs_were_planned_fails_them(tiny_suite, tmp_path):
    """A worker imports the file when it begins: no new code runs under an old key."""
    body = "return jnp.tanh(xs @ self.weight)"
    session = plugin_session(tiny_suite, tmp_path, "edited", body)
    path = tmp_path / "edited.py"
    path.write_text(path.read_text().replace("jnp.tanh", "jnp.sin"))
    events = list(session.run(workers=1))
    assert [event.kind for event in events] == ["failed", "failed"]
    for event in events:
        assert "model 'edited' was version text-" in event.text
        assert "when its run was planned and is version text-" in event.text


def test_a_suite_s_own_plugins_are_imported(tiny_suite, tmp_path, monkeypatch):
    path = tmp_path / "own_layer.py"
    body = "return jnp.tanh(xs @ self.weight)"
    path.write_text(PLUGIN.format(name="own_layer", body=body))
    monkeypatch.chdir(tmp_path)
    model = tiny_suite.models[0].model_copy(update={"name": "own_layer"})
    changes = {"models": [model], "plugins": ["own_layer.py"]}
    session = open_session(tiny_suite.model_copy(update=changes), "results")
    paths = {tuple(plugin.path for plugin in job.plugins) for job in session.jobs}
    assert paths == {(str(path.resolve()),)}
    assert {job.identity.model.name for job in session.jobs} == {"own_layer"}


def test_a_model_that_diverges_is_an_outcome(tiny_suite, tmp_path):
    wild = {**tiny_suite.trainer, "learning_rate": 1e30, "schedule": "constant"}
    suite = tiny_suite.model_copy(update={"trainer": wild, "seeds": [0]})
    session = open_session(suite, tmp_path / "results")
    list(session.run(workers=0))
    (record,) = session.store
    assert record.result.outcome == "diverged"
    assert record.result.test_score is None
    assert "no longer finite" in (record.result.reason or "")


@pytest.mark.parametrize("which", ["train_loss", "validation_loss", "validation_score"])
def test_a_divergence_names_what_was_not_finite(tiny_suite, tmp_path, which):
    ledger = Ledger(open_session(tiny_suite, tmp_path).jobs[0], "here")
    sound = {"train_loss": 0.1, "validation_loss": 0.2, "validation_score": 0.3}
    ends = {"step": 5.0, "best_step": 0.0, "diverged": 1.0}
    ledger.last = {**sound, **ends, which: math.nan}
    found = ledger.result(0.1, 0.2, 3)
    said = f"the {which.replace('_', ' ')} was no longer finite at step 5"
    assert (found.outcome, found.reason) == ("diverged", said)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("figure", ["loss", "score"])
def test_a_test_figure_that_is_no_number_is_a_divergence(
    tiny_suite, tmp_path, monkeypatch, figure, bad
):
    """Left out of the mean, it would count more than a blind answer."""
    test = DescentProgram.test

    def broken(self, state) -> Tally:
        parts = vars(test(self, state))
        mean = parts[figure]
        return Tally(**{**parts, figure: Mean(mean.total * bad, mean.weight)})

    monkeypatch.setattr(DescentProgram, "test", broken)
    suite = tiny_suite.model_copy(update={"seeds": [0]})
    session = open_session(suite, tmp_path / "results")
    list(session.run(workers=0))
    (record,) = session.store
    assert record.result.outcome == "diverged"
    assert record.result.reason == f"the test {figure} is not finite: {bad}"
    assert record.result.test_loss is record.result.test_score is None
    assert record.result.best_step is not None
    (row,) = runs_frame([record]).to_dict("records")
    assert row["counted"] == 0.0


def test_run_returns_a_leaderboard(tmp_path):
    board = nnarena.run(
        ["elman"],
        [{"name": "add", "length": 8}],
        seeds=2,
        width=6,
        steps=20,
        results=tmp_path,
    )
    assert board.standings[0].contender == "elman"
    assert "elman" in str(board)
    again = nnarena.leaderboard(tmp_path)
    assert again.to_dict() == board.to_dict()


def test_run_refuses_unknown_names(tmp_path):
    with pytest.raises(UnknownName, match="did you mean gru"):
        nnarena.run(["gruu"], ["add"], results=tmp_path)
    with pytest.raises(ValueError, match="there are no records"):
        nnarena.leaderboard(tmp_path)


def test_a_record_states_the_budget_but_no_key_depends_on_it():
    setup = {"name": "x", "models": ["elman"], "tasks": ["add"], "seeds": 1}
    (asked,) = make_jobs(parse_suite({**setup, "parameters": 500}, "x"))
    width = asked.identity.width
    (given,) = make_jobs(parse_suite({**setup, "width": width}, "x"))
    assert asked.key == given.key
    stated = [
        Ledger(job, "local").record(Result(outcome="failed")).provenance
        for job in (asked, given)
    ]
    assert [each.asked_parameters for each in stated] == [500, None]
