"""Trained models are asked other test sets of their task; their records stay."""

import dataclasses
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.strangers import CELL, TASK, write
from tests.suite.test_crew import FakeRay, kinds_of

import nnarena
from nnarena.core.problems import SuiteProblem
from nnarena.core.registry import UnknownName
from nnarena.core.seeds import key_for
from nnarena.runs.evaluations import keep_evaluation, read_evaluations
from nnarena.runs.record import to_json
from nnarena.runs.survey import survey
from nnarena.suite import on_ray, provenance, remote_worker
from nnarena.suite.config import parse_suite
from nnarena.suite.entrants import task_like
from nnarena.suite.evaluate import open_inquiry
from nnarena.suite.evaluator import Evaluator, ask, unanswered
from nnarena.suite.executors import InProcess
from nnarena.suite.plan import assemble
from nnarena.suite.restore import job_of, restore_record
from nnarena.suite.session import Session, open_session
from nnarena.tasks import TASKS
from nnarena.tasks.copy import Copy
from nnarena.training.objective import evaluate


COPY = {"name": "copy", "delay": 3, "symbols": 2, "classes": 3}
ASKED = [{"delay": 5}, {"delay": 9}]
LEARNED = {"name": "transformer", "blocks": 1, "encoding": "learned", "longest": 9}


def session_of(folder: Path, asked=(), **changes) -> Session:
    """Returns a session of tiny runs whose models are asked so."""
    content = {
        "name": "asked",
        "models": ["elman"],
        "tasks": [{**COPY, "evaluate": list(asked)}],
        "seeds": 2,
        "width": 4,
        "trainer": {"steps": 6, "batch": 4, "checks": 2},
        **changes,
    }
    return open_session(parse_suite(content, "here"), folder)


def files_of(folder: Path) -> dict[str, bytes]:
    names = [
        p
        for kind in ("records", "history", "weights")
        for p in folder.glob(f"{kind}/*")
    ]
    return {path.name + path.parent.name: path.read_bytes() for path in names}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Two runs that were asked nothing."""
    folder = tmp_path_factory.mktemp("trained")
    list(InProcess(folder).run(session_of(folder).jobs))
    return folder


@pytest.fixture
def folder(trained, tmp_path) -> Path:
    """A copy that a test may change."""
    shutil.copytree(trained, tmp_path / "copy")
    return tmp_path / "copy"


def test_no_key_depends_on_what_is_asked(tmp_path):
    plain, asked = session_of(tmp_path), session_of(tmp_path, ASKED)
    assert [job.key for job in plain.jobs] == [job.key for job in asked.jobs]
    assert plain.plan(1).key == asked.plan(1).key
    tasks = [task.settings for task in asked.jobs[0].evaluate]
    assert [task["delay"] for task in tasks] == [5, 9]
    assert all(task["symbols"] == 2 for task in tasks)  # as in the task itself


def test_what_a_suite_asks_in_two_entries_is_asked_once(tmp_path):
    task = [{**COPY, "evaluate": own} for own in ({"delay": 5}, ASKED, {"delay": 3})]
    (job, _) = session_of(tmp_path, tasks=task).jobs
    assert [task.settings["delay"] for task in job.evaluate] == [5, 9]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"dealy": 4}, "'copy' has no setting 'dealy'"),
        ({"delay": "long"}, "copy: delay must be a whole number"),
        ({"delay": 0}, "copy: delay must be a whole number of at least 1"),
    ],
)
def test_what_no_task_can_be_asked_is_refused_at_planning(tmp_path, asked, says):
    with pytest.raises(SuiteProblem, match=says):
        session_of(tmp_path, [asked])


def test_a_worker_asks_when_a_run_has_ended(tmp_path):
    session = session_of(tmp_path, ASKED)
    events = [event.kind for event in session.run(workers=1)]
    assert events.count("answered") == 4
    assert session.unanswered == []
    found = read_evaluations(session.store)
    assert Counter(one.task.settings["delay"] for one in found) == {5: 2, 9: 2}
    for one in found:
        assert (one.outcome, one.rows, one.axis) == ("finished", 2000, "delay")
    (survey_,) = survey(session.store)
    assert (survey_.evaluations, survey_.evaluated) == (4, 4)


def test_asked_later_the_runs_are_not_done_again(folder):
    before = files_of(folder)
    session = session_of(folder, ASKED)
    assert (session.pending, len(session.unanswered)) == ([], 2)
    events = list(session.run(workers=0))
    kinds = [event.kind for event in events]
    assert (kinds.count("answered"), kinds.count("done")) == (4, 2)
    assert "check" not in kinds
    assert files_of(folder) == before
    assert list(session_of(folder, ASKED).run(workers=0)) == []
    more = session_of(folder, [*ASKED, {"delay": 4}])
    assert [event.kind for event in more.run(workers=0)].count("answered") == 2


def test_the_answer_is_that_of_the_best_weights_to_the_test_set_of_the_task(folder):
    session = session_of(folder, ASKED[:1])
    list(session.run(workers=0))
    task = Copy(delay=5, symbols=2, classes=3)
    rows = task.splits(provenance.data_folder(), key=key_for("data", "copy")).test
    runs = {record.key: record for record in session.store}
    for one in read_evaluations(session.store):
        model, _ = restore_record(runs[one.run], session.store)
        seen = evaluate(model, task, rows, batch=50)
        assert one.loss == pytest.approx(float(seen.mean_loss), rel=1e-5)
        assert one.score == pytest.approx(float(seen.mean_score), rel=1e-6)


def asked_alone(folder: Path, **changes):
    """Returns the evaluation of the first run on its task with changes."""
    session = session_of(folder)
    record = next(iter(session.store))
    job = job_of(record)
    task = task_like(record.identity.task, changes)
    evaluator = Evaluator(provenance.data_folder(), "here")
    return record, evaluator.evaluate(job, assemble(job), session.store, task)


def test_asked_its_own_task_a_model_says_what_its_record_says(folder):
    record, found = asked_alone(folder)
    assert found.score == pytest.approx(record.result.test_score, abs=1e-6)
    assert found.loss == pytest.approx(record.result.test_loss, rel=1e-5)
    assert found.rows == record.result.test_rows


def test_an_answer_that_is_no_number_is_an_outcome(folder):
    session = session_of(folder)
    record = next(iter(session.store))
    weights = dict(session.store.weights(record.key))
    name = max(weights, key=lambda name: weights[name].size)
    weights[name] = np.full_like(weights[name], np.nan)
    history = session.store.history(record.key)
    assert history is not None
    session.store.put(record, history, weights)
    _, found = asked_alone(folder, delay=5)
    assert (found.outcome, found.score, found.loss) == ("diverged", None, None)
    assert found.reason == "the test loss is not finite: nan"


def test_a_table_of_positions_that_is_too_short_cannot_be_asked(tmp_path):
    session = session_of(tmp_path, ASKED, models=[LEARNED], seeds=1)
    events = {event.kind: event.text for event in session.run(workers=0)}
    found = {one.outcome: one for one in read_evaluations(session.store)}
    assert found["finished"].task.settings["delay"] == 5
    refused = found["cannot be asked"]
    assert refused.reason == (
        "a learned code for 9 steps cannot tell 13 apart; set `longest` to at least 13"
    )
    assert (refused.score, refused.task.settings["delay"]) == (None, 9)
    assert "unanswered" not in events
    assert session_of(tmp_path, ASKED, models=[LEARNED], seeds=1).unanswered == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"classes": 4},
            "it was trained with inputs of 5 tokens, and here they are of 6 tokens",
        ),
    ],
)
def test_another_signature_cannot_be_asked(folder, changes, reason):
    _, found = asked_alone(folder, **changes)
    assert (found.outcome, found.reason) == ("cannot be asked", reason)


@pytest.mark.parametrize("model", ["gru", "encoder_decoder_transformer"])
def test_generated_answers_may_be_of_another_length(tmp_path, model):
    """Lists of one symbol are among those trained on; of two of five, few come out."""
    asked = [{"length": 1}, {"length": 5}, {"symbols": 3}]
    task: dict[str, Any] = {
        "name": "reverse",
        "length": 2,
        "symbols": 2,
        "evaluate": asked,
    }
    trainer: dict[str, Any] = {"steps": 150, "checks": 2, "learning_rate": 1e-2}
    changes: dict[str, Any] = {
        "models": [model],
        "tasks": [task],
        "seeds": 1,
        "width": 16,
    }
    session = session_of(tmp_path, **changes, trainer=trainer)
    list(session.run(workers=0))
    found = {
        (one.task.settings["length"], one.task.settings.get("symbols")): one
        for one in read_evaluations(session.store)
    }
    short, long = found[1, 2], found[5, 2]
    assert (short.outcome, long.outcome) == ("finished", "finished")
    assert short.score == 1.0
    assert long.score is not None
    assert long.score < 0.5
    assert found[2, 3].reason == (
        "it was trained with inputs of 2 tokens, and here they are of 3 tokens"
    )


def test_who_looks_ahead_cannot_be_asked_what_forbids_that(tmp_path):
    """The thesis's pulses may be seen whole; random ones are asked online."""
    cell = {"name": "cell", "length": 6, "blocks": 3}
    encoder = {"name": "transformer", "blocks": 1}
    session = session_of(
        tmp_path,
        tasks=[{**cell, "evaluate": {"blocks": None}}],
        models=[encoder],
        seeds=1,
    )
    list(session.run(workers=0))
    (found,) = read_evaluations(session.store)
    assert found.reason == "its answers use later inputs, and the task forbids that"


def test_one_program_serves_all_seeds(folder, monkeypatch):
    session = session_of(folder, ASKED)
    counted = []
    compiled = Evaluator._compiled

    def count(self, parts, task):
        counted.append(task.settings["delay"])
        return compiled(self, parts, task)

    monkeypatch.setattr(Evaluator, "_compiled", count)
    list(session.run(workers=0))
    assert counted == [5, 9]


def test_without_weights_it_is_told_and_tried_again(folder):
    session = session_of(folder, ASKED[:1])
    lost = session.jobs[0]
    (folder / "weights" / f"{lost.key}.safetensors").unlink()
    events = list(session.run(workers=0))
    (said,) = [event.text for event in events if event.kind == "unanswered"]
    assert said.startswith("elman on copy, seed 0, asked copy (delay=5): ")
    assert lost.key in said
    assert [job.key for job in session.unanswered] == [lost.key]
    assert lost.key in session.store  # the run is as good as before


def test_asked_to_stop_it_stops_between_two_answers(folder):
    session = session_of(folder, ASKED)
    evaluator = Evaluator(provenance.data_folder(), "here")
    kinds = []
    for job in unanswered(session.store, session.jobs):
        for event in ask(job, session.store, evaluator, lambda: "answered" in kinds):
            kinds.append(event.kind)
    assert kinds == ["asked", "answered"]
    executor = InProcess(folder)
    ends = []
    for event in executor.run(session.unanswered):
        executor.stop()
        ends.append(event.kind)
    assert ends[-1] == "stopped"


def test_a_run_that_diverged_is_asked_nothing(folder):
    session = session_of(folder, ASKED)
    record = next(iter(session.store))
    result = record.result.model_copy(
        update={"outcome": "diverged", "test_score": None, "test_loss": None}
    )
    diverged = record.model_copy(update={"result": result})
    path = folder / "records" / f"{record.key}.json"
    path.write_text(to_json(diverged))
    assert record.key not in [job.key for job in session.unanswered]
    assert len(session.unanswered) == 1
    found = nnarena.evaluate(folder, on="copy(delay=5)")
    asked = found.cells[-1]
    assert (asked.cell.judged, asked.cell.diverged) == (2, 1)  # it counts as blind
    list(session.run(workers=0))
    (survey_,) = survey(session.store)
    assert (survey_.evaluations, survey_.evaluated) == (2, 2)


def test_actors_of_a_cluster_ask_as_well(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(remote_worker, "NEWS_SECONDS", 0.0)
    monkeypatch.setattr(on_ray, "RECRUIT_SECONDS", 0.0)
    for place in (folder, tmp_path / "fresh"):
        session = session_of(place, ASKED)
        assert kinds_of(FakeRay(1), session)["answered"] == 4
        assert session.unanswered == []
    scores = [
        {one.key: one.score for one in read_evaluations(session_of(place).store)}
        for place in (folder, tmp_path / "fresh")
    ]
    assert scores[0] == scores[1]


# From Python.


def test_from_python_the_figures_come_back(folder):
    found = nnarena.evaluate(folder, on=["copy(delay=5)", "copy(delay=9)"])
    asked = {(cell.trained, cell.asked): cell for cell in found.cells}
    own = "copy (delay=3)"
    assert set(asked) == {(own, own), (own, "copy (delay=5)"), (own, "copy (delay=9)")}
    assert all(cell.cell.judged == 2 for cell in found.cells)
    (curve,) = found.curves
    assert (curve.trained, [point.length for point in curve.points]) == (3, [3, 5, 9])
    assert "copy (delay=5)" in str(found)
    assert len(read_evaluations(session_of(folder).store)) == 4
    again = nnarena.evaluate(folder, on="copy(delay=5)")
    assert len(again.cells) == 2


def test_nnarena_run_takes_what_is_asked(tmp_path):
    task = {**COPY, "evaluate": {"delay": 5}}
    trainer: dict[str, Any] = {"steps": 6, "batch": 4, "checks": 2}
    nnarena.run(["elman"], [task], seeds=1, width=4, results=tmp_path, **trainer)
    (found,) = read_evaluations(session_of(tmp_path).store)
    assert found.outcome == "finished"


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        (
            {"on": ["cpoy(delay=5)"]},
            UnknownName,
            "no task named 'cpoy'; did you mean copy",
        ),
        ({"on": ["add(length=5)"]}, SuiteProblem, "no finished run in .* is on add"),
        ({"on": ["copy(dealy=5)"]}, SuiteProblem, "'copy' has no setting 'dealy'"),
        ({"on": ["copy"]}, SuiteProblem, "the runs were trained on that itself"),
        ({"on": []}, SuiteProblem, "say what is asked"),
        ({"on": ["copy(delay=5)"], "models": ["gru"]}, SuiteProblem, "what -m and -t"),
        (
            {"on": ["copy(delay=5)"], "tasks": ["copy(delay=4)"]},
            SuiteProblem,
            "there are runs on: copy",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(folder, words, kind, says):
    with pytest.raises(kind, match=says):
        open_inquiry(folder, **words)
    assert not (folder / "evaluations").exists()


def test_settings_choose_runs(folder):
    chosen = {"models": ["elman"], "tasks": ["copy(delay=3)"]}
    inquiry = open_inquiry(folder, ["copy(delay=5)"], **chosen)
    assert len(inquiry.missing) == 2


def test_another_version_is_left_out_with_a_word(folder, monkeypatch):
    newer = dataclasses.replace(TASKS["copy"], version="99")
    monkeypatch.setitem(TASKS._entries, "copy", newer)
    inquiry = open_inquiry(folder, ["copy(delay=5)"])
    assert inquiry.wanted == ()
    assert [reason for _, reason in inquiry.left_out] == [
        "task 'copy' was version 1 when its run was planned and is version 99 now"
    ] * 2


# Of somebody's files.


GAP = (("    length: int\n", '    axis = "length"\n    length: int\n'),)


def test_models_and_tasks_of_files_are_asked(tmp_path):
    """Trained in a worker process that knows the files only by their jobs."""
    model = write(tmp_path, "leaking", CELL)
    task = write(tmp_path, "earliest", TASK, *GAP)
    content: dict[str, Any] = {"steps": 4, "batch": 4, "checks": 1}
    out = tmp_path / "out"
    nnarena.run(
        [str(model)],
        [{"name": str(task), "evaluate": {"length": 8}}],
        seeds=1,
        width=4,
        results=out,
        workers=1,
        **content,
    )
    (found,) = read_evaluations(session_of(out).store)
    assert (found.outcome, found.axis) == ("finished", "length")
    later = nnarena.evaluate(out, on="earliest(length=11)")
    assert [cell.asked for cell in later.cells][-1] == "earliest (length=11)"
    again = nnarena.evaluate(out, on=f"{task}:earliest(length=8)")
    assert again.cells[-1].cell.mean == pytest.approx(found.score)


def test_a_test_set_that_is_no_numbers_is_told_with_its_file(tmp_path):
    """The model would have the blame: its answers would not be finite."""
    broken = ("(self.length, 1))\n", "(self.length, 1)) / (1.0 - (self.length == 9))\n")
    task, out = write(tmp_path, "at_nine", TASK, *GAP, broken), tmp_path / "out"
    settings: dict[str, Any] = {"steps": 4, "batch": 4, "checks": 1}
    nnarena.run(["elman"], [str(task)], seeds=1, width=4, results=out, **settings)
    said = r"at_nine\.py, line .*inputs"
    with pytest.raises(RuntimeError, match=said):
        nnarena.evaluate(out, on="at_nine(length=9)")
    found = nnarena.evaluate(out, on="at_nine(length=8)")
    assert found.cells[-1].asked == "at_nine (length=8)"


def test_the_files_of_a_record_are_found_again_where_the_user_named_them(
    tmp_path, monkeypatch
):
    model = write(tmp_path, "dripping", CELL)
    out = tmp_path / "out"
    task = {**COPY, "evaluate": []}
    trainer: dict[str, Any] = {"steps": 4, "batch": 4, "checks": 1}
    nnarena.run([str(model)], [task], seeds=1, width=4, results=out, **trainer)
    monkeypatch.delitem(nnarena.MODELS._entries, "dripping")
    model.rename(tmp_path / "gone.py")
    inquiry = open_inquiry(out, ["copy(delay=5)"])
    ((_, reason),) = inquiry.left_out
    assert "dripping.py" in reason
    assert "that file is gone" in reason


def test_an_axis_that_is_no_setting_is_told_with_its_file(tmp_path):
    wrong = ("    length: int\n", '    axis = "gap"\n    length: int\n')
    task = write(tmp_path, "no_such_axis", TASK, wrong)
    with pytest.raises(
        ValueError, match=r"no_such_axis\.py, line .*names 'gap' as its axis"
    ):
        nnarena.run(["elman"], [str(task)], seeds=1, width=4, results=tmp_path / "out")


def test_every_axis_is_a_number_among_the_settings():
    own = [entry for entry in TASKS if not entry.outside]
    axes = {entry.name: vars(entry.make).get("axis") for entry in own}
    assert {name: axis for name, axis in axes.items() if axis} == {
        "add": "length",
        "bengio_latch": "length",
        "cell": "length",
        "listops": "length",
        "copy": "delay",
        "memory": "fillers",
        "associative_recall": "items",
        "copy_bits": "length",
        "repeat_copy": "repeats",
        "repeat_copy_bits": "repeats",
        "reverse": "length",
        "translate": "length",
        "sort_bits": "length",
        "temporal_order": "length",
        "xor": "length",
    }
    for entry in own:
        axis = axes[entry.name]
        if axis is not None:
            assert isinstance(entry.defaults[axis], int)


def test_records_keep_the_axis(folder):
    assert {record.axis for record in session_of(folder).store} == {"delay"}


def test_evaluations_are_kept_whatever_was_there(folder):
    """A damaged one is as good as none, and is written over."""
    _, found = asked_alone(folder, delay=5)
    session = session_of(folder, ASKED[:1])
    place = folder / "evaluations" / f"{found.key}.json"
    place.parent.mkdir()
    place.write_text("{")
    assert len(session.unanswered) == 2
    list(session.run(workers=0))
    assert session.unanswered == []
    keep_evaluation(session.store, found)
    kept = {one.key: one for one in read_evaluations(session.store)}
    assert kept[found.key] == found
