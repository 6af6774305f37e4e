"""What a page says in one place may not be denied in another, whatever is missing."""

import pytest
from tests.analysis.test_leaderboard import CLEAR, Scores, board_of
from tests.synthetic import make_record

from nnarena.analysis.frame import runs_frame
from nnarena.analysis.scores import scores_of
from nnarena.analysis.standing import Leaderboard
from nnarena.analysis.text import board_text
from nnarena.analysis.versus import versus
from nnarena.report.findings import Findings, findings_of
from nnarena.report.summary import summary


def runs(mean: float) -> list[float]:
    """Ten runs that scatter by a hundredth around a mean."""
    return [mean + 0.01 * (place % 3 - 1) for place in range(10)]


CYCLE: Scores = {
    "a": {"copy": runs(0.9), "add": runs(0.2)},
    "b": {"copy": runs(0.2), "recall": runs(0.9)},
    "c": {"recall": runs(0.2), "add": runs(0.9)},
}
"""Each lacks another task, and on the one that two share one is far better."""


def records_of(scores: Scores) -> list:
    return [
        make_record(contender, task, seed, score=score)
        for contender, tasks in scores.items()
        for task, sample in tasks.items()
        for seed, score in enumerate(sample)
    ]


def findings(scores: Scores, *others) -> Findings:
    return findings_of([*records_of(scores), *others], {})


def page(scores: Scores, *others) -> str:
    """The first words of the page."""
    told = summary(findings(scores, *others), 0)
    return "\n".join((told.verdict, *told.can, *told.cannot))


def test_nobody_beats_anybody_in_a_circle():
    board = board_of(CYCLE)
    assert {pair.answer for pair in board.pairs} == {"cannot tell"}
    assert "beats" not in page(CYCLE)
    assert "Of 3 pairs nothing can be said over all tasks" in page(CYCLE)
    assert board.resolution is None


def test_a_verdict_that_lacks_tasks_says_so():
    scores = scores_of(runs_frame(records_of(CYCLE)))
    told = versus(scores, "a", "b").sentence
    assert told.startswith("The runs cannot tell a from b (0.")
    assert "over all 3 tasks, and this is over the one task that both have" in told


def test_who_failed_on_the_hard_task_does_not_beat_who_solved_it():
    failed = [make_record("a", "recall", seed, outcome="failed") for seed in range(10)]
    scores: Scores = {
        "a": {"copy": runs(0.9)},
        "b": {"copy": runs(0.3), "recall": runs(0.95)},
    }
    told = page(scores, *failed)
    assert "beats" not in told
    assert "b is the only contender with a score on every task." in told


def test_whoever_lacks_a_task_is_named_beside_the_verdict():
    scores = CLEAR | {"elman": {"copy": [0.99, 1.0, 0.99, 0.98, 1.0]}}
    assert board_of(scores).verdict.endswith(
        "Nothing is said of elman, which lacks a task."
    )


def test_a_weak_control_hides_no_difference_that_the_design_can_find():
    """Seven good contenders leave no room above the middle of all."""
    tasks: list[str] = ["add", "copy", "recall"]
    good = {name: dict.fromkeys(tasks, runs(0.97)) for name in "abcd"}
    board = board_of(good | {"window": dict.fromkeys(tasks, runs(0.15))})
    told = [pair for pair in board.pairs if pair.answer != "cannot tell"]
    assert len(told) == 4
    assert board.resolution is not None
    found = board.resolution.overall_any_pair
    assert found is not None
    assert found <= min(abs(pair.gap) for pair in told)


def test_who_is_left_out_of_a_list_is_counted():
    best = {"copy": runs(0.95), "recall": runs(0.95)}
    weak = {"copy": runs(0.1), "recall": runs(0.1)}
    told = page({f"m{i}": best for i in range(7)} | {"lstm": weak})
    assert "Over these tasks the scores tell 7 of 28 pairs apart" in told
    assert "So does 1 more: see all pairs." in told


def test_equal_runs_are_not_called_one_seed():
    scores = {"gru": {task: [1.0] * 5 for task in "abcde"}}
    assert "(one seed)" not in page(scores)
    assert "nobody knows where (all runs of a task are equal)" in page(scores)


def torn() -> Leaderboard:
    return board_of({"elman": {"memory": [0.21, 0.19, 0.10, 0.894, 0.11]}})


def test_runs_that_split_are_not_said_to_scatter_around_one_level():
    board = torn()
    cell = board.standings[0].cells[0]
    assert not cell.one_level
    assert cell.ends == pytest.approx((0.10, 0.894))
    assert "runs 0.100 to 0.894" in board_text(board)
    assert "‡" not in board_text(board)


def test_a_test_set_that_was_trained_on_bears_no_error_of_sampling():
    def scored(seen: bool) -> Leaderboard:
        records = [
            record.model_copy(
                update={
                    "scoring": record.scoring.model_copy(update={"seen": seen}),
                    "result": record.result.model_copy(update={"test_rows": 500}),
                }
            )
            for record in records_of({"gru": {"copy": runs(0.9)}})
        ]
        return findings_of(records, {}).board

    assert scored(False).standings[0].cells[0].test_interval is not None
    assert scored(True).standings[0].cells[0].test_interval is None
    assert "are those of training" in board_text(scored(True))
