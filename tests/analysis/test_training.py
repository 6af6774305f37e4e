"""A comparison says where contenders were not trained alike."""

from tests.synthetic import make_record

from nnarena.analysis.frame import runs_frame
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.text import footnotes
from nnarena.analysis.training import trained_otherwise
from nnarena.runs.record import Entrant


USUAL = {"steps": 100, "learning_rate": [0.001, 0.003]}


def records(**others):
    """Returns runs of two contenders on two tasks, one trained otherwise on one."""
    return [
        make_record(
            model=model,
            task=task,
            seed=seed,
            trainer_settings=USUAL
            | (others if (model, task) == ("gru", "recall") else {}),
        )
        for model in ("gru", "lstm")
        for task in ("copy", "recall")
        for seed in range(2)
    ]


def test_contenders_that_were_trained_alike_are_no_sentence():
    assert trained_otherwise(runs_frame(records())) == ()


def test_only_what_differs_is_told_and_only_where_it_does():
    frame = runs_frame(records(learning_rate=[0.1, 0.3], steps=100))
    sentence = (
        "Not all contenders were trained alike on recall: gru (learning_rate=[0.1, "
        "0.3]); lstm (learning_rate=[0.001, 0.003]). What sets them apart may be that."
    )
    assert trained_otherwise(frame) == (sentence,)
    assert sentence in footnotes(leaderboard(frame))


def test_the_version_of_a_trainer_is_part_of_it():
    older, newer = records()[0], records()[4]
    trainer = newer.identity.trainer.model_copy(update={"version": "2"})
    identity = newer.identity.model_copy(update={"trainer": trainer})
    frame = runs_frame([older, newer.model_copy(update={"identity": identity})])
    (sentence,) = trained_otherwise(frame)
    assert "gru (version=1); lstm (version=2)" in sentence


def test_a_long_list_is_cut():
    settings = ({"steps": 100 + number} for number in range(9))
    frame = runs_frame(
        make_record(model=f"m{number}", trainer_settings=one)
        for number, one in enumerate(settings)
    )
    (sentence,) = trained_otherwise(frame)
    assert sentence.count("steps=") == 6
    assert "; 3 more. What" in sentence


def test_two_trainers_are_told_apart_by_name_and_by_what_both_have():
    """What one of them alone can be set to is not a difference from the other."""
    made = records()[0], records()[4]
    guessing = Entrant(
        name="guessing", version="1", settings={"steps": 50, "spread": 9.0}
    )
    descent = Entrant(
        name="gradient descent", version="1", settings={"steps": 60, "clip": 1.0}
    )
    found = [
        record.model_copy(
            update={"identity": record.identity.model_copy(update={"trainer": trainer})}
        )
        for record, trainer in zip(made, (guessing, descent), strict=True)
    ]
    (sentence,) = trained_otherwise(runs_frame(found))
    assert "(by gradient descent, steps=60)" in sentence
    assert "(by guessing, steps=50)" in sentence


def test_many_tasks_are_not_listed_where_it_is_the_same_on_all():
    frame = runs_frame(
        make_record(model, task, trainer_settings={"clip": clip})
        for model, clip in (("gru", 0.0), ("lstm", 1.0))
        for task in ("copy", "recall", "add")
    )
    (sentence,) = trained_otherwise(frame)
    assert sentence.startswith("Not all contenders were trained alike on any task: ")


def test_the_odd_one_is_named_first_whatever_its_place_in_the_list():
    frame = runs_frame(
        make_record(f"m{place}", trainer_settings={"steps": 100 if place < 7 else 9})
        for place in range(8)
    )
    (sentence,) = trained_otherwise(frame)
    assert "alike on copy: m7 (steps=9); m0, m1" in sentence
    assert sentence.count("(steps=100)") == 1
