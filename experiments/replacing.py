"""Can a memory layer stand in the place of attention, with fewer parameters?

The proposal's question, put to a store of one width for all contenders. The rule was
fixed in the suite `lra-small` before any run; it is written out here once more.
"""

from collections.abc import Iterator

import pandas as pd
from experiments.claim_tables import broken, rows_of

from nnarena.analysis.controls import aside_note
from nnarena.analysis.gap import gap_of
from nnarena.analysis.intervals import Interval
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.standing import Cell
from nnarena.analysis.text import ONE_LEVEL, figure, one_level_note
from nnarena.analysis.words import plural


ATTENTION, MEMORY = "transformer", "memory_layer_transformer"
"""What is to be replaced, and by what: names of models."""

MARGIN = 0.02
"""By how much accuracy may fall."""

UNTOLD = "cannot be told"


def answer(interval: Interval, *, fewer: bool) -> str:
    """Returns the rule's word on one task.

    Args:
        interval: of the mean accuracy with memory less that with attention.
        fewer: whether memory has fewer parameters.
    """
    if interval.high < -MARGIN:
        return "cannot"
    return "can" if fewer and interval.low > -MARGIN else UNTOLD


def replaced_lines(store: str) -> Iterator[str]:
    """Yields the rule's word on each task, and what it rests on."""
    frame = rows_of(store)
    for card in leaderboard(frame).tasks:
        yield f"- {_sentence(frame.query('task == @card.task'), card.task)}"


def replacing_table(store: str) -> Iterator[str]:
    """Yields accuracy, parameters and time of all, and what controls reach."""
    frame = rows_of(store)
    board = leaderboard(frame)
    tasks = [card.task for card in board.tasks]
    heads = "".join(f" {task} | parameters | minutes |" for task in tasks)
    yield f"| contender |{heads}"
    yield "|---|" + "---:|" * (3 * len(tasks))
    for standing in board.standings:
        row = f"| {standing.contender} |"
        runs = frame[frame.contender == standing.contender]
        for task in tasks:
            own = runs.query("task == @task and outcome == 'finished'")
            row += _cells(own, standing.cell(task))
        yield row
    for aside in board.controls:
        scores = map(aside.scores.get, tasks)
        told = ("-" if score is None else figure(score) for score in scores)
        yield f"| {aside.control}, apart |" + "".join(
            f" {one} | - | - |" for one in told
        )
    yield ""
    yield (
        "Mean test accuracy [95 % interval], parameters, and minutes of training per "
        "run, at all rates (median)."
    )
    notes = (*one_level_note(board), *board.trained)
    for note in (*notes, *aside_note(board.controls, tasks)):
        yield ""
        yield note


def _cells(finished: pd.DataFrame, cell: Cell | None) -> str:
    """Returns a contender's three cells of one task."""
    if cell is None:
        return " - | - | - |"
    score = "-" if cell.mean is None else figure(cell.mean)
    if cell.interval is not None:
        low, high = cell.interval
        score += f" [{low:.3g}, {high:.3g}]{ONE_LEVEL if cell.one_level else ''}"
    size = "-" if cell.parameters is None else f"{cell.parameters:,}"
    minutes = "-"
    if len(finished):
        minutes = f"{finished.run_seconds.median() / 60:.2g}"
    return f" {score}{broken(cell)} | {size} | {minutes} |"


def _sentence(frame: pd.DataFrame, task: str) -> str:
    """Returns what the rule says of one task."""
    sides = [frame.query("model == @name") for name in (MEMORY, ATTENTION)]
    ours, theirs = (own.query("counted_score.notna()") for own in sides)
    runs = f"{_count(sides[0])} for {_count(sides[1])}"
    if min(len(ours), len(theirs)) < 2:
        return f"{_bold(task, UNTOLD)}: of too few runs, {runs}."
    gap = gap_of(
        ours.counted_score.to_numpy(),
        float(theirs.counted_score.mean()),
        float(theirs.counted_score.std(ddof=1)),
        len(theirs),
    )
    assert gap is not None, "of two runs each something is known"
    low, high = gap.interval
    sizes = [int(own.parameters.max()) for own in (ours, theirs)]
    found = answer(gap.interval, fewer=sizes[0] < sizes[1])
    return (
        f"{_bold(task, found)}: "
        f"{MEMORY} less {ATTENTION} is {gap.value:+.3f} [{low:+.3f}, {high:+.3f}], "
        f"with {sizes[0]:,} parameters for {sizes[1]:,}, of {runs}."
    )


def _bold(task: str, found: str) -> str:
    verb = "can" if found == UNTOLD else found
    said = f"a memory layer {verb} replace attention with fewer parameters"
    return f"**On {task} {f'it {found} whether ' if found == UNTOLD else ''}{said}**"


def _count(runs: pd.DataFrame) -> str:
    """Returns how many runs there are, and what became of those that broke."""
    diverged, failed = ((runs.outcome == end).sum() for end in ("diverged", "failed"))
    told = plural(len(runs), "run")
    if diverged:
        told += f" ({diverged} diverged, counted as a blind answer)"
    return f"{told} ({failed} failed, left out)" if failed else told
