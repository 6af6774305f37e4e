"""Ranks, cells and verdicts of small tables whose answers can be worked out."""

import json

import pytest
from tests.synthetic import make_record

from nnarena.analysis.frame import runs_frame
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.standing import Leaderboard
from nnarena.report.tables import overall_table
from nnarena.runs.record import History


Scores = dict[str, dict[str, list[float]]]


def board_of(scores: Scores, *others) -> Leaderboard:
    """A leaderboard of scores by contender and task, one per seed."""
    records = [
        make_record(contender, task, seed, score=score)
        for contender, tasks in scores.items()
        for task, sample in tasks.items()
        for seed, score in enumerate(sample)
    ]
    return leaderboard(runs_frame([*records, *others]))


CLEAR: Scores = {
    "gru": {"copy": [1.0] * 5, "recall": [0.55, 0.55, 0.54, 0.55, 0.56]},
    "lstm": {"copy": [0.55] * 5, "recall": [0.1, 0.1, 0.1, 0.1, 0.1]},
}


def test_the_overall_score_is_the_mean_over_tasks():
    first, second = board_of(CLEAR).standings
    assert (first.contender, first.rank) == ("gru", 1)
    assert first.overall == pytest.approx(0.75)
    assert (second.contender, second.rank) == ("lstm", 2)
    assert second.overall == pytest.approx(0.25)
    assert first.interval is not None
    assert first.interval.low < 0.75 < first.interval.high
    assert (first.seeds, first.solved_tasks, first.complete) == (5, 1, True)
    assert (first.family, first.parameters, first.run_seconds) == (
        "gated",
        20_032,
        30.0,
    )


def test_a_cell_counts_its_seeds():
    cell = board_of({"gru": {"copy": [0.95, 0.5, 0.91]}}).standings[0].cells[0]
    assert (cell.judged, cell.solved, cell.failed, cell.diverged) == (3, 2, 0, 0)
    assert cell.mean == pytest.approx(0.78667, abs=1e-5)
    assert cell.median == 0.91
    assert cell.solved_interval == pytest.approx((0.2077, 0.9385), abs=1e-4)


def test_a_diverged_run_counts_as_chance():
    ghost = make_record(seed=1, outcome="diverged")
    standing = board_of({"gru": {"copy": [1.0]}}, ghost).standings[0]
    assert standing.overall == pytest.approx(0.5)
    cell = standing.cells[0]
    assert (cell.judged, cell.diverged, cell.failed, cell.solved) == (2, 1, 0, 1)
    assert cell.mean == pytest.approx(0.55)
    assert standing.solved_tasks == 0


def test_a_failed_run_is_missing_and_counted():
    ghost = make_record(seed=2, outcome="failed")
    standing = board_of({"gru": {"copy": [1.0, 0.55]}}, ghost).standings[0]
    assert standing.overall == pytest.approx(0.75)
    assert (standing.runs, standing.failed, standing.seeds) == (3, 1, 2)
    assert standing.complete


def test_seeds_may_differ_between_tasks():
    uneven = {"gru": {"copy": [1.0, 1.0, 1.0], "recall": [0.1, 0.1]}}
    standing = board_of(uneven).standings[0]
    assert standing.overall == pytest.approx(0.5)
    assert standing.seeds == 2


def test_incomplete_contenders_come_last():
    board = board_of(
        {
            "gru": {"copy": [0.2, 0.2], "recall": [0.2, 0.2]},
            "lstm": {"copy": [1.0, 1.0]},
        },
        make_record("lstm", "recall", 0, outcome="failed"),
    )
    first, last = board.standings
    assert (first.contender, first.complete) == ("gru", True)
    assert (last.contender, last.rank, last.complete) == ("lstm", 2, False)
    assert last.missing == ("recall",)
    assert last.overall == pytest.approx(1.0)
    assert board.verdict == "gru is the only contender with a score on every task."


def test_nothing_is_compared_where_nobody_is_complete():
    board = board_of({"gru": {"copy": [0.9]}, "lstm": {"recall": [0.9]}})
    assert "cannot be compared" in board.verdict


def test_equal_contenders_share_a_rank():
    same = {"copy": [0.5, 0.5]}
    board = board_of({"lstm": same, "gru": same, "transformer": {"copy": [0.2, 0.2]}})
    assert [s.contender for s in board.standings] == ["gru", "lstm", "transformer"]
    assert [s.rank for s in board.standings] == [1, 1, 3]
    assert board.pairs[0].gap == 0.0


def test_a_contender_without_a_score_has_none():
    board = board_of(
        {"gru": {"copy": [0.5, 0.5]}}, make_record("lstm", outcome="failed")
    )
    last = board.standings[-1]
    assert (last.contender, last.overall, last.interval) == ("lstm", None, None)
    assert last.cells[0].mean is None


def test_one_seed_has_no_interval_and_no_verdict():
    board = board_of({"gru": {"copy": [0.9]}, "lstm": {"copy": [0.5]}})
    assert board.standings[0].interval is None
    assert board.standings[0].cells[0].interval is None
    assert "single seed" in board.verdict


def test_a_clear_lead():
    board = board_of(CLEAR)
    assert board.verdict == "gru beats lstm (95 %)."
    ghost = {"elman": {"copy": [0.2] * 5, "recall": [0.3, 0.1, 0.2, 0.2, 0.2]}}
    twin = {"twin": CLEAR["gru"]}
    assert board_of(CLEAR | ghost).verdict == (
        "gru beats every other contender: lstm and elman (95 % for all 3 pairs at "
        "once)."
    )
    assert board_of(CLEAR | twin).verdict == (
        "gru beats lstm; the runs cannot tell it from twin (95 % for all 3 pairs at "
        "once)."
    )


def test_few_seeds_are_said_to_be_few():
    short = {n: {t: s[:3] for t, s in ts.items()} for n, ts in CLEAR.items()}
    assert board_of(short).verdict.endswith(
        "3 seeds are fewer than the 5 that a verdict takes."
    )


def test_an_exact_tie_has_no_highest():
    same = {"copy": [0.2, 0.4, 0.6, 0.8, 0.5]}
    board = board_of({"gru": same, "lstm": same, "ncp": {"copy": [0.1] * 5}})
    assert board.verdict == (
        "The runs cannot tell gru, which shares the highest overall score with lstm, "
        "from lstm or ncp (95 % for all 3 pairs at once); of ncp, rare ends that so "
        "few runs may all have missed could turn the order."
    )


def test_a_reason_is_said_of_whom_it_holds():
    level = [0.5, 0.51, 0.49, 0.5, 0.5]
    board = board_of(
        {"gru": {"copy": level}, "lstm": {"copy": [0.4]}, "ncp": {"copy": level[:4]}}
    )
    assert board.verdict.endswith(
        "; of ncp, 4 seeds are fewer than the 5 that a verdict takes; of lstm, a "
        "single seed on some task says nothing of others."
    )
    three = board_of({"gru": {"copy": level[:3]}, "lstm": {"copy": level[:3]}})
    assert "; 3 seeds are fewer than the 5 that a verdict takes." in three.verdict


def test_no_lead_is_no_lead():
    near = {
        "gru": {"copy": [0.2, 0.4, 0.6, 0.8, 0.51]},
        "lstm": {"copy": [0.8, 0.6, 0.4, 0.2, 0.49]},
    }
    board = board_of(near)
    assert board.verdict == (
        "The runs cannot tell gru, which has the highest overall score, from lstm "
        "(95 %)."
    )


def test_a_contender_does_not_depend_on_its_rivals():
    alone = board_of({"gru": CLEAR["gru"]}).standings[0]
    among = board_of(CLEAR).standings[0]
    assert alone.interval == among.interval
    assert alone.cells == among.cells


def test_the_seed_decides_the_draws():
    frame = runs_frame(make_record(seed=s, score=s / 7) for s in range(7))
    assert leaderboard(frame, seed=1) == leaderboard(frame, seed=1)
    assert leaderboard(frame, seed=1) != leaderboard(frame, seed=2)


def test_no_runs_are_refused():
    with pytest.raises(ValueError, match="no runs to rank"):
        leaderboard(runs_frame([]))


def test_a_leaderboard_goes_into_json():
    ghosts = [make_record("lstm", outcome="failed", seed=9)]
    data = board_of({"gru": {"copy": [0.5, 0.7]}}, *ghosts).to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert set(data["standings"][0]["interval"]) == {"low", "high"}
    assert data["standings"][0]["cells"][0]["solved_interval"]["low"] == 0.0
    assert data["tasks"][0]["metric"] == "accuracy"


ALL_OR_NONE: Scores = {
    "gru": {"copy": [1.0, 0.2, 1.0, 0.1, 1.0]},
    "lstm": {"copy": [1.0] * 5},
    "elman": {"copy": [0.5, 0.52, 0.48, 0.51, 0.5]},
}


def test_runs_that_split_are_counted():
    """Whether a task is all-or-none, the runs of one contender decide for all."""
    board = board_of(ALL_OR_NONE)
    assert board.tasks[0].all_or_none
    cells = {s.contender: s.cells[0] for s in board.standings}
    assert [cells[name].interval for name in ALL_OR_NONE] == [None] * 3
    assert (cells["gru"].solved, cells["gru"].judged) == (3, 5)
    assert cells["gru"].solved_interval == pytest.approx((0.2307, 0.8824), abs=1e-4)
    assert not any(cell.one_level for cell in cells.values())
    lead = board.standings[0]
    assert (lead.contender, lead.overall, lead.one_level) == ("lstm", 1.0, False)
    assert lead.interval is not None
    assert lead.interval.low < 0.6
    assert lead.iqm_interval is None
    text = str(board)
    assert "3/5 [23, 88] %, mean 0.660" in text
    assert "All or none: on copy" in text


def test_a_gap_below_a_quarter_of_the_scale_is_none():
    near = {"gru": {"copy": [0.95, 0.72, 0.92, 0.74, 0.91]}}
    assert not board_of(near).tasks[0].all_or_none
    far = {"gru": {"copy": [0.95, 0.66, 0.92, 0.6, 0.91]}}
    assert board_of(far).tasks[0].all_or_none


def test_a_diverged_run_among_solved_ones_splits_its_task():
    ghost = make_record(seed=9, outcome="diverged")
    board = board_of({"gru": {"copy": [1.0] * 4}}, ghost)
    assert board.tasks[0].all_or_none


def test_equal_runs_have_no_interval_and_those_of_one_level_a_mark():
    board = board_of({"gru": {"copy": [1.0] * 5, "recall": [0.5, 0.52, 0.5, 0.5, 0.5]}})
    copy, recall = board.standings[0].cells
    assert (copy.interval, copy.one_level) == (None, True)
    assert recall.interval is not None
    assert recall.one_level
    assert board.standings[0].one_level
    text = str(board)
    assert "0.504 0/5 [0.493, 0.515]‡" in text
    assert "‡ The interval takes runs to scatter around one level" in text
    assert "5 runs cannot exclude that up to 43 % end otherwise" in text


def test_runs_on_either_side_of_the_bar_bear_the_mark_too():
    """Some solve the task and some just miss it: of one level like all others."""
    board = board_of({"gru": {"copy": [0.905, 0.897, 0.911, 0.893, 0.902]}})
    (cell,) = board.standings[0].cells
    assert 0 < cell.solved < cell.judged
    assert cell.interval is not None
    assert cell.one_level
    assert "]‡" in str(board)


def test_the_test_set_has_an_error_of_its_own():
    records = [
        record.model_copy(
            update={"result": record.result.model_copy(update={"test_rows": 360})}
        )
        for record in (make_record(seed=s, score=0.8 + 0.01 * s) for s in range(3))
    ]
    board = leaderboard(runs_frame(records))
    cell = board.standings[0].cells[0]
    assert cell.test_rows == 360
    # Four points at 0.8, by the normal approximation: 1.96 (0.8 0.2 / 360)^0.5.
    assert cell.test_interval == pytest.approx((0.766, 0.847), abs=2e-3)
    assert "test 0.766 to 0.847" in str(board)
    assert "leave out the error of the test set, of so many examples: copy 360." in (
        str(board)
    )
    older = leaderboard(runs_frame([*records, make_record(seed=5)]))
    assert older.standings[0].cells[0].test_rows is None
    assert "whose size these records do not hold" in str(older)


def test_an_interval_ends_at_the_best_score():
    cell = board_of({"gru": {"copy": [1.0, 0.99, 1.0, 0.95]}}).standings[0].cells[0]
    assert cell.interval is not None
    assert cell.interval.high == 1.0
    wrong = board_of({"gru": {"add": [0.0, 1e-5, 5e-4]}}).standings[0].cells[0]
    assert wrong.interval is not None
    assert wrong.interval.low == 0.0 < wrong.interval.high


def test_an_interval_ends_at_the_worst_score():
    """No accuracy is below 0; an error has no end."""
    low = board_of({"gru": {"copy": [0.0, 0.3, 0.0, 0.0]}}).standings[0]
    assert low.cells[0].interval is not None
    assert low.cells[0].interval.low == 0.0
    assert low.interval is not None
    assert low.interval.low == pytest.approx(-1 / 9)
    assert board_of({"gru": {"copy": [0.5]}}).tasks[0].worst == 0.0
    error = board_of({"gru": {"add": [0.1, 0.9, 0.1, 0.1]}})
    assert error.tasks[0].worst is None
    wide = error.standings[0].cells[0].interval
    assert wide is not None
    assert (wide.low, wide.high) == (0.0, pytest.approx(0.936, abs=1e-3))


def test_a_cell_holds_every_figure_of_its_runs():
    scores = [0.1, 0.2, 0.2, 0.2, 0.3, 0.3, 0.4, 0.8]
    cell = board_of({"gru": {"copy": scores}}).standings[0].cells[0]
    assert (cell.mean, cell.median, cell.iqm) == pytest.approx((0.3125, 0.25, 0.25))
    assert cell.spread == pytest.approx((0.32875 / 7) ** 0.5)
    half = 2.364624 * (0.32875 / 7 / 8) ** 0.5  # Student's t of 7 degrees of freedom
    assert cell.interval == pytest.approx((0.3125 - half, 0.3125 + half), abs=1e-6)
    assert (cell.passed, cell.solve_steps, cell.solve_seconds) == (None, None, None)


def test_time_to_solve_is_that_of_the_median_run():
    records = [make_record(seed=s, score=1.0, seconds=40.0) for s in range(3)]
    steps = dict(
        zip([r.key for r in records], [[0.5, 0.95], [0.92], [0.1]], strict=True)
    )

    def histories(key: str) -> History:
        scores: list[float | None] = [*steps[key]]
        checks: list[float | None] = [100.0, 200.0]
        return History(
            key=key, series={"step": checks[: len(scores)], "validation_score": scores}
        )

    ghost = make_record(seed=3, outcome="diverged")
    cell = leaderboard(runs_frame(records, histories)).standings[0].cells[0]
    assert (cell.passed, cell.solve_steps) == (2, 200.0)
    assert cell.solve_seconds == pytest.approx(200 * 40 / 2000)
    steps[ghost.key] = [0.95]
    cell = leaderboard(runs_frame([*records, ghost], histories)).standings[0].cells[0]
    assert (cell.passed, cell.judged, cell.solve_steps) == (2, 4, None)


def test_the_overall_score_has_two_intervals_and_a_middle():
    tasks = {f"task {n}": [0.1 + 0.1 * n] * 4 + [0.85] for n in range(6)}
    standing = board_of({"gru": tasks}).standings[0]
    assert standing.interval is not None
    assert standing.task_interval is not None
    assert standing.iqm_interval is not None
    assert standing.iqm is not None
    assert standing.iqm_interval.low <= standing.iqm <= standing.iqm_interval.high
    assert board_of(CLEAR).standings[0].task_interval is None


def test_a_board_says_what_it_could_have_told_apart():
    board = board_of(CLEAR)
    assert board.resolution is not None
    assert "With 2 contenders, 2 tasks and 5 seeds" in board.resolution.sentence
    assert board_of({"gru": {"copy": [1.0] * 5}}).resolution is None


def test_places_are_after_all_that_beat_one_and_before_all_that_it_beats():
    """Two that the runs cannot tell apart share their places, whatever their means."""
    tasks = ("copy", "recall")
    scores = {
        "gru": [0.99, 0.98, 0.99, 0.99, 0.98, 0.99, 0.98, 0.99],
        "lstm": [0.98, 0.98, 0.99, 0.98, 0.98, 0.99, 0.98, 0.99],
        "elman": [0.11, 0.1, 0.1, 0.11, 0.1, 0.1, 0.11, 0.1],
    }
    board = board_of({name: dict.fromkeys(tasks, own) for name, own in scores.items()})
    assert [standing.contender for standing in board.standings] == list(scores)
    assert [board.places(name) for name in scores] == [(1, 2), (1, 2), (3, 3)]
    texts = [board.place_text(standing) for standing in board.standings]
    assert texts == ["1 to 2", "1 to 2", ""]
    told = board.to_dict()["standings"]
    assert [one["places"] for one in told] == [[1, 2], [1, 2], [3, 3]]
    overall = overall_table(board)
    assert [row[0].notes for row in overall.rows[:3]] == [("1 to 2",), ("1 to 2",), ()]
    assert "1 1 to 2" in str(board)


def test_one_alone_has_the_one_place():
    board = board_of({"gru": {"copy": [0.5]}})
    assert board.places("gru") == (1, 1)
    assert board.place_text(board.standings[0]) == ""


def test_of_lengths_of_one_task_no_interval_is_given_for_other_tasks():
    def board(name):
        return leaderboard(
            runs_frame(
                make_record(
                    "gru",
                    "copy",
                    seed,
                    score=0.5 + 0.01 * seed + place / 50,
                    task_settings={name: place + 10},
                )
                for place in range(6)
                for seed in range(3)
            )
        )

    assert board("length").standings[0].task_interval is None
    assert board("chunk").standings[0].task_interval is not None
