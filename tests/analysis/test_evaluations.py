"""Figures of evaluations that can be worked out."""

import numpy as np
import pytest
from tests.synthetic import ACCURACY, PROVENANCE, make_record

from nnarena.analysis.evaluations import evaluated
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.intervals import cell_interval
from nnarena.runs.evaluations import Answer, Evaluation
from nnarena.runs.record import Entrant, Record


def trained(model: str, length: int, scores, **changes) -> list[Record]:
    """Returns the runs of a contender at one length."""
    return [
        make_record(
            model,
            "copy",
            seed,
            score=score,
            task_settings={"length": length},
            **changes,
        )
        for seed, score in enumerate(scores)
    ]


def asked(
    record: Record,
    length: int,
    score: float | None,
    outcome: Answer = "finished",
    **more,
) -> Evaluation:
    """Returns what a run answered at another length."""
    settings = {"length": length, **more}
    return Evaluation(
        run=record.key,
        task=Entrant(name="copy", version="1", settings=settings),
        axis="length",
        scoring=ACCURACY,
        outcome=outcome,
        reason=None if score is not None else "a table that is too short",
        score=score,
        loss=None if score is None else 1.0,
        rows=None if score is None else 2000,
        provenance=PROVENANCE,
    )


def test_a_mean_over_seeds_with_its_interval():
    runs = trained("gru", 20, [0.9, 0.95, 1.0])
    scores = np.array([0.5, 0.6, 0.7])
    found = evaluated(
        runs, [asked(r, 40, s) for r, s in zip(runs, scores, strict=True)]
    )
    own, other = found.cells
    assert (own.trained, own.asked, own.is_own) == ("copy (length=20)",) * 2 + (True,)
    assert (other.trained, other.asked) == ("copy (length=20)", "copy (length=40)")
    assert own.cell.mean == pytest.approx(0.95)
    assert other.cell.mean == pytest.approx(0.6)
    assert other.cell.interval == pytest.approx(cell_interval(scores))
    assert (other.cell.judged, other.cell.test_rows) == (3, 2000)
    (curve,) = found.curves
    assert (curve.contender, curve.trained, curve.length_name) == ("gru", 20, "length")
    assert [point.length for point in curve.points] == [20, 40]
    assert curve.points[1].mean == pytest.approx((0.6 - 0.1) / 0.9)
    assert curve.points[1].interval is not None
    assert curve.effective == 20


def test_divergence_in_answering_and_in_training_counts_as_blind():
    runs = trained("gru", 20, [0.9, 0.95])
    lost = make_record(
        "gru", "copy", 2, outcome="diverged", task_settings={"length": 20}
    )
    found = evaluated(
        [*runs, lost],
        [asked(runs[0], 40, 0.7), asked(runs[1], 40, None, "diverged")],
    )
    other = found.cells[1].cell
    assert (other.judged, other.diverged) == (3, 2)
    assert other.mean == pytest.approx((0.7 + 0.1 + 0.1) / 3)


def test_who_cannot_be_asked_has_a_reason_and_no_score():
    runs = trained("transformer", 20, [0.9, 0.95])
    lost = make_record(
        "transformer", "copy", 2, outcome="diverged", task_settings={"length": 20}
    )
    refused = [asked(run, 40, None, "cannot be asked") for run in runs]
    own, other = evaluated([*runs, lost], refused).cells
    assert own.reason is None
    assert other.reason == "a table that is too short"
    assert (other.cell.judged, other.cell.mean) == (0, None)
    assert evaluated(runs, refused).curves == ()


def test_runs_that_were_trained_on_what_others_are_asked_stand_beside():
    short, long = trained("gru", 20, [0.9]), trained("gru", 40, [0.8])
    never = trained("gru", 80, [0.7])
    found = evaluated([*short, *long, *never], [asked(short[0], 40, 0.5)])
    told = [(cell.trained[-3:-1], cell.asked[-3:-1]) for cell in found.cells]
    assert told == [("20", "20"), ("20", "40"), ("40", "40")]
    assert len(found.curves) == 1


def test_labels_are_those_of_the_runs_whatever_was_asked():
    """Two ways of training, at one length each, asked the same."""
    slow, fast = (
        trained("gru", 20, [0.9], trainer_settings={"rate": rate}) for rate in (1, 2)
    )
    found = evaluated([*slow, *fast], [asked(run[0], 40, 0.5) for run in (slow, fast)])
    names = {cell.contender for cell in found.cells}
    assert names == set(runs_frame([*slow, *fast])["contender"])
    assert names == {"gru (rate=1)", "gru (rate=2)"}
    assert {curve.contender for curve in found.curves} == names


def test_other_settings_are_asked_too_but_lie_on_no_curve():
    (run,) = trained("gru", 20, [0.9])
    found = evaluated([run], [asked(run, 20, 0.5, classes=4)])
    assert found.cells[1].asked == "copy (classes=4)"
    assert found.curves == ()


def test_evaluations_of_runs_that_are_not_there_are_left_out():
    (run,) = trained("gru", 20, [0.9])
    (gone,) = trained("lstm", 20, [0.9])
    found = evaluated([run], [asked(gone, 40, 0.5)])
    assert (found.cells, found.curves) == ((), ())


def test_the_axis_of_a_record_counts_before_what_it_looks_like():
    """A task of somebody's whose axis has a name that nobody would guess."""
    record = make_record("gru", "recall", task_settings={"gap": 7, "length": 3})
    named = record.model_copy(update={"axis": "gap"})
    (row,) = runs_frame([named]).to_dict("records")
    assert (row["length_name"], row["length"]) == ("gap", 7)
    assert row["series"] == "recall (length=3, version=1)"
    (row,) = runs_frame([record]).to_dict("records")
    assert (row["length_name"], row["length"]) == ("length", 3)


def test_as_text_and_as_plain_values():
    runs = trained("gru", 20, [0.9, 0.95])
    found = evaluated(
        runs, [asked(runs[0], 40, 0.5), asked(runs[1], 80, None, "cannot be asked")]
    )
    text = str(found)
    assert text.splitlines()[0].split() == [
        *("contender", "trained", "on", "asked", "score", "doubt"),
    ]
    assert "cannot be asked" in text
    assert "a table that is too short" in text
    cells = found.to_dict()["cells"]
    assert [cell["card"]["task"] for cell in cells] == [
        f"copy (length={n})" for n in (20, 40, 80)
    ]
