"""What contenders say of themselves is said with the scores."""

from tests.synthetic import make_record

from nnarena.analysis.frame import runs_frame
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.reported import reported
from nnarena.analysis.text import footnotes


def shifted(figures, task, seed):
    more = seed / 100 + (0.1 if task == "recall" else 0.0)
    return {name: value + more for name, value in figures.items()}


def records(**figures):
    return [
        record.model_copy(
            update={
                "result": record.result.model_copy(
                    update={"figures": shifted(figures, task, seed)}
                    if model == "lsm"
                    else {}
                )
            }
        )
        for model in ("gru", "lsm")
        for task in ("copy", "recall")
        for seed in range(3)
        for record in [make_record(model=model, task=task, seed=seed)]
    ]


def test_the_medians_of_the_least_and_the_greatest_task_are_said():
    frame = runs_frame(records(firing_share=0.14))
    (said,) = reported(frame)
    assert said == "lsm reports a firing share of 0.150 (copy) to 0.250 (recall)."
    assert said in footnotes(leaderboard(frame))


def test_who_says_nothing_is_not_named():
    assert reported(runs_frame(records())) == ()
