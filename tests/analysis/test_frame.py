"""The table of runs: what is copied, what is derived, what is never pooled."""

import math
from typing import Any

import numpy as np
import pytest
from tests.synthetic import make_record

from nnarena.analysis.frame import COLUMNS, runs_frame
from nnarena.analysis.labels import differing, natural_key, traits_text, value_text


def rows(*records) -> list[dict[str, Any]]:
    return runs_frame(records).to_dict("records")


def labels(*records) -> set[tuple[str, str]]:
    frame = runs_frame(records)
    return set(zip(frame["contender"], frame["task"], strict=True))


def test_one_row_per_run():
    frame = runs_frame([make_record(seed=seed, score=0.55) for seed in (2, 0, 1)])
    assert list(frame.columns) == list(COLUMNS)
    assert list(frame["seed"]) == [0, 1, 2]
    row = frame.to_dict("records")[0]
    assert row["contender"] == row["model"] == "gru"
    assert row["normalized"] == row["counted"] == pytest.approx(0.5)
    assert row["counted_score"] == row["test_score"] == 0.55
    assert row["seconds_per_step"] == pytest.approx(30.0 / 2000)
    assert not row["solved"]


def test_no_runs_are_an_empty_table():
    frame = runs_frame([])
    assert frame.empty
    assert list(frame.columns) == list(COLUMNS)


def test_a_diverged_run_counts_as_blind_and_a_failed_one_is_missing():
    diverged, failed = rows(
        make_record(seed=0, outcome="diverged", reason="not finite"),
        make_record(seed=1, outcome="failed", reason="out of memory"),
    )
    assert (diverged["counted"], diverged["counted_score"]) == (0.0, 0.1)
    assert math.isnan(failed["counted"])
    assert math.isnan(failed["counted_score"])
    for row, reason in ((diverged, "not finite"), (failed, "out of memory")):
        assert math.isnan(row["test_score"])
        assert (row["reason"], row["solved"]) == (reason, False)


def test_lower_is_better_for_an_error():
    (row,) = rows(make_record(task="add", seed=0, score=0.0005))
    assert row["solved"]
    assert row["normalized"] == row["counted"] == pytest.approx(1 - 0.0005 / 0.16)


@pytest.mark.parametrize(
    ("score", "counted"), [(0.16, 0.0), (0.2, -0.25), (0.32, -1.0), (160.0, -1.0)]
)
def test_worse_than_blind_counts_what_it_is_down_to_a_floor(score, counted):
    (row,) = rows(make_record(task="add", score=score))
    assert row["normalized"] == pytest.approx(1 - score / 0.16)
    assert row["counted"] == pytest.approx(counted)
    assert row["counted_score"] == score


def test_the_test_rows_are_those_of_the_record():
    old = make_record()
    result = old.result.model_copy(update={"test_rows": 360})
    new = make_record(seed=1).model_copy(update={"result": result})
    first, second = rows(old, new)
    assert math.isnan(first["test_rows"])
    assert second["test_rows"] == 360


def test_settings_are_not_named_where_they_do_not_differ():
    numbers = {"depth": 2}
    runs = [make_record(seed=s, settings=numbers) for s in range(2)]
    assert labels(*runs) == {("gru", "copy")}


def test_variants_of_a_model_are_told_apart():
    assert labels(
        make_record(settings={"depth": 1, "tied": False}),
        make_record(settings={"depth": 2, "tied": False}),
        make_record("lstm", settings={"depth": 1}),
    ) == {("gru (depth=1)", "copy"), ("gru (depth=2)", "copy"), ("lstm", "copy")}


def test_versions_of_a_model_are_told_apart():
    found = labels(make_record(version="1"), make_record(version="2"))
    assert found == {("gru (version=1)", "copy"), ("gru (version=2)", "copy")}


def test_variants_of_a_task_are_told_apart():
    runs = [make_record(task_settings={"length": n}) for n in (100, 20)]
    assert labels(*runs) == {("gru", "copy (length=100)"), ("gru", "copy (length=20)")}
    frame = runs_frame(runs)
    assert list(frame["task"]) == ["copy (length=20)", "copy (length=100)"]


def test_two_trainings_on_one_task_are_told_apart_on_all_tasks():
    low, high = {"learning_rate": 0.001}, {"learning_rate": 0.003}
    assert labels(
        make_record(trainer_settings=low),
        make_record(trainer_settings=high),
        make_record(task="recall", trainer_settings=low),
    ) == {
        ("gru (learning_rate=0.001)", "copy"),
        ("gru (learning_rate=0.003)", "copy"),
        ("gru (learning_rate=0.001)", "recall"),
    }


def test_widths_and_trainings_that_follow_the_task_are_no_variants():
    assert labels(
        make_record(width=32, trainer_settings={"steps": 100}),
        make_record(width=40, task="recall", trainer_settings={"steps": 200}),
    ) == {("gru", "copy"), ("gru", "recall")}


def test_two_widths_on_one_task_are_told_apart():
    found = labels(make_record(width=32), make_record(width=64))
    assert found == {("gru (width=32)", "copy"), ("gru (width=64)", "copy")}


def test_labels_join_settings_and_setup():
    found = labels(
        make_record(settings={"depth": 1}, width=32),
        make_record(settings={"depth": 1}, width=64),
        make_record(settings={"depth": 2}, width=32),
    )
    assert found == {
        ("gru (depth=1, width=32)", "copy"),
        ("gru (depth=1, width=64)", "copy"),
        ("gru (depth=2)", "copy"),
    }


def test_nothing_but_seeds_shares_a_contender_and_a_task():
    rng, runs = np.random.default_rng(0), {}
    for _ in range(200):
        record = make_record(
            rng.choice(["gru", "lstm"]).item(),
            rng.choice(["copy", "add"]).item(),
            int(rng.integers(3)),
            settings={
                "depth": int(rng.integers(2)),
                "mix": {"a": int(rng.integers(2))},
            },
            trainer_settings={"learning_rate": float(rng.choice([0.1, 0.01]))},
            width=int(rng.choice([8, 16])),
        )
        runs[record.key] = record
    frame = runs_frame(runs.values())
    assert len(frame) == len(runs)
    assert not frame.duplicated(["contender", "task", "seed"]).any()


def test_texts_of_values():
    values: list[Any] = [1, "1", 1.0, True, "true", "last", None, [1, 2]]
    texts = [value_text(value) for value in values]
    assert texts == ["1", '"1"', "1.0", "true", '"true"', "last", "null", "[1, 2]"]
    assert traits_text({"b": "2", "a": "1"}) == "a=1, b=2"
    assert differing([{"a": "1", "b": "2"}, {"a": "1"}]) == {"b"}


def test_natural_order():
    names = ["add (length=100)", "add (length=20)", "add", "copy"]
    assert sorted(names, key=natural_key) == [names[2], names[1], names[0], names[3]]
