"""Can a memory layer stand in the place of attention, with fewer parameters?

The proposal's question, put to a store of one width for all contenders. The rule was
fixed in the suite `lra-small` before any run; it is written out here once more.
"""

from collections.abc import Iterator

import pandas as pd
from experiments.claim_tables import rows_of

from nnarena.analysis.gap import gap_of
from nnarena.analysis.intervals import Interval
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.standing import Cell
from nnarena.analysis.text import figure, one_level_note


ATTENTION, MEMORY = "transformer", "memory_layer_transformer"
"""What is to be replaced, and by what: names of models."""

MARGIN = 0.02
"""By how much accuracy may fall."""


def answer(interval: Interval, *, fewer: bool) -> str:
    """Returns the rule's word on one task.

    Args:
        interval: of the mean accuracy with memory less that with attention.
        fewer: whether memory has fewer parameters.
    """
    if interval.high < -MARGIN:
        return "cannot"
    return "can" if fewer and interval.low > -MARGIN else "cannot be told"


def replacing_table(store: str) -> Iterator[str]:
    """Yields accuracy, parameters and time of all, and the rule's word on each task."""
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
            own = runs.query("task == @task")
            row += _cells(own, standing.cell(task))
        yield row
    yield ""
    yield (
        "Mean test accuracy [95 % interval], parameters, and minutes of training per "
        "run, at both rates (median; two runs at once on two cores that other work "
        "shared)."
    )
    for note in one_level_note(board):
        yield ""
        yield note
    for task in tasks:
        yield ""
        yield _sentence(frame.query("task == @task"), task)


def _cells(own: pd.DataFrame, cell: Cell | None) -> str:
    """Returns a contender's three cells of one task."""
    if cell is None or cell.mean is None:
        return " - | - | - |"
    interval = cell.interval
    doubt = f" [{interval.low:.3g}, {interval.high:.3g}]" if interval else ""
    ended = (own.outcome != "finished").sum()
    bad = f", {ended} of {len(own)} did not finish" if ended else ""
    minutes = own.run_seconds.median() / 60
    size = int(own.parameters.max())
    return f" {figure(cell.mean)}{doubt}{bad} | {size:,} | {minutes:.2g} |"


def _sentence(frame: pd.DataFrame, task: str) -> str:
    """Returns what the rule says of one task."""
    ours, theirs = (
        frame[(frame.model == name) & frame.counted_score.notna()]
        for name in (MEMORY, ATTENTION)
    )
    if min(len(ours), len(theirs)) < 2:
        return f"On {task}: **cannot be told**, of fewer than two runs."
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
        f"On {task}: {MEMORY} less {ATTENTION} is {gap.value:+.3f} [{low:+.3f}, "
        f"{high:+.3f}], with {sizes[0]:,} parameters for {sizes[1]:,}. Whether a "
        f"memory layer can replace attention: **{found}**."
    )
