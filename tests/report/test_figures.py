"""Figures as data: what is drawn where, before anything is drawn."""

import numpy as np
import pytest
from tests.synthetic import ERROR, make_history, make_record

from nnarena.analysis.frame import runs_frame
from nnarena.analysis.leaderboard import leaderboard, task_cards
from nnarena.analysis.standing import TaskCard
from nnarena.report.curves import MOST_POINTS, curve_points
from nnarena.report.figures import (
    contender_colors,
    cost_scatter,
    learning_curves,
    overall_scores,
    seed_strips,
)
from nnarena.report.marks import ruler
from nnarena.report.words import (
    bytes_text,
    count_text,
    interval_text,
    listed,
    score_text,
    seconds_text,
)
from nnarena.runs.record import History


ADD = TaskCard("add", ERROR.metric, False, ERROR.chance, ERROR.best, ERROR.solved)


def rows_of(*records):
    return [dict(row) for row in runs_frame(records).to_dict("records")]


def history_of(record, steps, scores) -> History:
    series = {"step": steps, "validation_score": scores}
    return History(key=record.key, series=series)


def test_a_curve_is_the_median_and_the_range():
    records = [make_record(seed=seed) for seed in range(3)]
    scores = ([0.1, 0.2], [0.3, 0.6], [0.2, 0.9])
    histories = {
        record.key: history_of(record, [10, 20], own)
        for record, own in zip(records, scores, strict=True)
    }
    first, second = curve_points(rows_of(*records), histories)
    assert (first["step"], first["low"], first["median"], first["high"]) == (
        *(10, 0.1, 0.2, 0.3),
    )
    assert (second["low"], second["median"], second["high"]) == (0.2, 0.6, 0.9)
    assert second["seeds"] == 3


def test_a_run_that_stopped_early_keeps_its_last_score():
    short, long = make_record(seed=0), make_record(seed=1)
    histories = {
        short.key: history_of(short, [10], [0.8]),
        long.key: history_of(long, [10, 20], [0.4, 0.6]),
    }
    last = curve_points(rows_of(short, long), histories)[-1]
    assert (last["step"], last["low"], last["high"]) == (20, 0.6, 0.8)


def test_a_diverged_run_falls_to_chance_and_stays():
    broken, sound = make_record(seed=0, outcome="diverged"), make_record(seed=1)
    histories = {
        broken.key: history_of(broken, [10, 20], [0.7, None]),
        sound.key: history_of(sound, [10, 20, 30], [0.5, 0.6, 0.8]),
    }
    points = curve_points(rows_of(broken, sound), histories)
    assert [point["low"] for point in points] == pytest.approx([0.5, 0.1, 0.1, 0.1])


def test_failed_runs_and_lost_histories_are_left_out():
    failed, lost = make_record(seed=0, outcome="failed"), make_record(seed=1)
    histories = {failed.key: history_of(failed, [10], [0.2])}
    assert curve_points(rows_of(failed, lost), histories) == []


def test_long_curves_are_thinned_to_their_ends():
    record = make_record()
    history = make_history(record, np.random.default_rng(0), checks=1000)
    points = curve_points(rows_of(record), {record.key: history})
    assert len(points) == MOST_POINTS
    assert points[-1]["step"] == record.result.steps


@pytest.mark.parametrize("count", [1, 8, 9, 20])
def test_contenders_have_colors_of_their_own(count):
    names = [f"model{n}" for n in range(count)]
    colors = contender_colors(reversed(names))
    assert list(colors) == names
    assert len(set(colors.values())) == count


def test_one_color_per_contender_in_all_figures():
    records = [make_record(m, seed=s) for m in ("gru", "lstm") for s in range(2)]
    rng = np.random.default_rng(0)
    histories = {record.key: make_history(record, rng) for record in records}
    frame = runs_frame(records)
    board = leaderboard(frame)
    card, colors = board.tasks[0], contender_colors(["gru", "lstm"])
    charts = [
        learning_curves(frame, histories, card, colors),
        seed_strips(frame, card, colors),
        overall_scores(board, colors),
        cost_scatter(board, colors),
    ]
    for chart in charts:
        assert chart is not None
        spec = chart.to_dict()
        assert spec["width"] == "container"
        scales = [
            layer["encoding"]["color"]["scale"]
            for layer in spec["layer"]
            if "color" in layer["encoding"]
        ]
        assert scales
        for scale in scales:
            assert dict(zip(scale["domain"], scale["range"], strict=True)) == colors


def test_every_judged_run_is_a_point():
    records = [
        make_record(seed=0, score=0.4),
        make_record(seed=1, outcome="diverged"),
        make_record(seed=2, outcome="failed"),
    ]
    frame = runs_frame(records)
    (card,) = task_cards([dict(row) for row in frame.to_dict("records")])
    chart = seed_strips(frame, card, contender_colors(["gru"]))
    assert chart is not None
    points = [
        (row["outcome"], row["score"])
        for rows in chart.to_dict()["datasets"].values()
        for row in rows
        if "seed" in row
    ]
    assert points == [("finished", 0.4), ("diverged", 0.1)]


def test_nothing_to_draw_is_no_chart():
    frame = runs_frame([make_record(outcome="failed")])
    (card,) = task_cards([dict(row) for row in frame.to_dict("records")])
    assert seed_strips(frame, card, {"gru": "#000000"}) is None
    assert learning_curves(frame, {}, card, {"gru": "#000000"}) is None


def test_errors_over_decades_get_a_logarithmic_scale():
    wide, narrow = ruler(ADD, [1e-5, 0.2]), ruler(ADD, [0.1, 0.2])
    assert wide.log
    assert wide.low < 1e-5 < 0.2 < wide.high
    assert not wide.holds(ADD.best)
    # The bar itself, 0.001, is more than a decade below chance.
    assert narrow.log
    assert not ruler(TaskCard("copy", "accuracy", True, 0.001, 1.0, 0.9), [0.5]).log


def test_a_perfect_error_stays_on_a_logarithmic_scale():
    span = ruler(ADD, [0.0, 1e-5])
    assert span.clipped([{"score": 0.0}], "score") == [{"score": span.low}]


def test_numbers_for_people():
    assert [score_text(x) for x in (None, 0.0, 0.8734, 0.0053, 3.21e-5, 4567.0)] == [
        *("–", "0.000", "0.873", "0.0053", "3.2e-05", "4.6e+03"),
    ]
    assert [seconds_text(x) for x in (0.00042, 31.0, 126.0, 12240.0)] == [
        *("0.42 ms", "31 s", "2.1 min", "3.4 h"),
    ]
    assert bytes_text(600_000_000) == "600 MB"
    assert [count_text(x) for x in (20_032, 4_000_000)] == ["20,032", "4 M"]
    assert interval_text(None) == "no interval: one seed"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
