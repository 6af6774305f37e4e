"""The leaderboard in words and figures, for a terminal or a prompt."""

from .controls import Aside, aside_note
from .intervals import Interval, wilson
from .length import LengthCurve
from .standing import Cell, Leaderboard, Standing, TaskCard
from .words import listed, plural


ONE_LEVEL = "‡"
"""Marks an interval that takes runs to scatter around one level."""


Lines = tuple[str, str]
"""A field of the table: the figure, and below it its doubt."""


def figure(value: float) -> str:
    """Returns a score at three digits: 0.973, 0.047, 0.00021."""
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.2g}"


def board_fields(board: Leaderboard) -> list[tuple[Lines, ...]]:
    """Returns a header and one row per contender, each field two lines of text."""
    tasks = [(card.task, card.metric) for card in board.tasks]
    header = (("#", ""), ("contender", ""), ("overall", ""), *tasks, ("cost", ""))
    rows = [_row(standing, board) for standing in board.standings]
    return [header, *rows, *(_aside(one, board) for one in board.controls)]


def _aside(aside: Aside, board: Leaderboard) -> tuple[Lines, ...]:
    """A control that was measured apart: it has no rank, and no doubt of its own."""
    overall = "-" if aside.overall is None else f"{aside.overall:.2f}"
    scores = [aside.scores.get(card.task) for card in board.tasks]
    cells = [("-" if score is None else figure(score), "") for score in scores]
    name = (aside.control, "control, measured apart")
    return ("", ""), name, (overall, ""), *cells, ("-", "")


def _row(standing: Standing, board: Leaderboard) -> tuple[Lines, ...]:
    cells = [cell_lines(standing.cell(card.task), card) for card in board.tasks]
    parameters = "-" if standing.parameters is None else f"{standing.parameters:,}"
    seconds = "-" if standing.run_seconds is None else f"{standing.run_seconds:.1f}"
    return (
        (str(standing.rank), board.place_text(standing)),
        (standing.contender, standing.family),
        _overall(standing),
        *cells,
        (f"{parameters} par.", f"{seconds} s/run"),
    )


def _overall(standing: Standing) -> Lines:
    if standing.overall is None:
        return "-", ""
    doubt = ""
    if standing.interval is not None:
        low, high = standing.interval
        doubt = f"[{low:.2f}, {high:.2f}]{ONE_LEVEL if standing.one_level else ''}"
    mark = "" if standing.complete else " incomplete"
    return f"{standing.overall:.2f}{mark}", doubt


def cell_lines(cell: Cell | None, card: TaskCard) -> Lines:
    """Returns the score of one contender on one task, and its doubt."""
    if cell is None:
        return "-", ""
    troubles = [(cell.diverged, "diverged"), (cell.failed, "failed")]
    told = "".join(f" {count} {what}" for count, what in troubles if count)
    if cell.mean is None:
        return told.strip() or "-", ""
    solved = f"{cell.solved}/{cell.judged}"
    if card.all_or_none:
        doubt = f"{_shares(cell.solved_interval)}, mean {figure(cell.mean)}"
        return f"{solved}{told}", doubt
    return f"{figure(cell.mean)} {solved}{told}", _doubt(cell)


def _doubt(cell: Cell) -> str:
    """How far the mean could move: with other seeds, and with another test set."""
    told = []
    if cell.interval is not None:
        low, high = cell.interval
        mark = ONE_LEVEL if cell.one_level else ""
        told.append(f"[{figure(low)}, {figure(high)}]{mark}")
    if cell.ends is not None:
        told.append(f"runs {figure(cell.ends.low)} to {figure(cell.ends.high)}")
    if cell.test_interval is not None:
        low, high = cell.test_interval
        told.append(f"test {figure(low)} to {figure(high)}")
    return ", ".join(told)


def _shares(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f"[{100 * interval.low:.0f}, {100 * interval.high:.0f}] %"


def footnotes(board: Leaderboard) -> list[str]:
    """Returns the verdict and how to read the figures."""
    percent = round(100 * board.confidence)
    resolution = board.resolution
    chances = ", ".join(f"{card.task} {figure(card.chance)}" for card in board.tasks)
    return [
        board.verdict,
        *([resolution.sentence] if resolution else []),
        f"Mean over seeds, [{percent} % interval over seeds], k/n runs that solved the "
        f"task. Overall: 0 is a blind answer, 1 a perfect one. Chance: {chances}.",
        "Below a rank: the places that a contender may have, as far as the runs tell.",
        *(refused.sentence for refused in board.refused),
        *board.trained,
        *board.reported,
        *([board.budget.sentence] if board.budget else []),
        *_all_or_none(board),
        *one_level_note(board),
        *test_rows_note(board),
        *seen_note(board),
        *effective_lengths(board),
        *aside_note(board.controls, [card.task for card in board.tasks]),
    ]


def _all_or_none(board: Leaderboard) -> list[str]:
    tasks = [card.task for card in board.tasks if card.all_or_none]
    if not tasks:
        return []
    return [
        f"All or none: on {listed(tasks)} runs solve the task or stay far from it, so "
        "that the figure is how many solved it, with the Wilson interval of that "
        "share, and then the mean."
    ]


def one_level_note(board: Leaderboard) -> list[str]:
    """Returns what the mark of an interval means: a sentence, or none."""
    runs = [
        cell.judged
        for standing in board.standings
        for cell in standing.cells
        if cell.one_level
        and cell.judged
        and (cell.interval is not None or standing.interval is not None)
    ]
    if not runs:
        return []
    most = 100 * wilson(0, min(runs)).high
    return [
        f"{ONE_LEVEL} The interval takes runs to scatter around one level: "
        f"{plural(min(runs), 'run')} cannot exclude that up to {most:.0f} % end "
        "otherwise."
    ]


def test_rows_note(board: Leaderboard) -> list[str]:
    """Returns on how many test examples each task was judged: a sentence."""
    rows: dict[str, int | None] = {}
    for standing in board.standings:
        for cell in standing.cells:
            rows[cell.task] = rows.get(cell.task) or cell.test_rows
    seen = {card.task for card in board.tasks if card.seen}
    rows = {task: count for task, count in rows.items() if task not in seen}
    if not rows:
        return []
    known = [f"{task} {count:,}" for task, count in rows.items() if count]
    unknown = [task for task, count in rows.items() if not count]
    start = "Intervals over seeds leave out the error of the test set"
    if not known:
        return [f"{start}, whose size these records do not hold."]
    lacking = f"; not recorded for {listed(unknown)}" if unknown else ""
    others = {card.metric for card in board.tasks if rows.get(card.task)}
    others -= {card.metric for card in board.tasks if card.share}
    if others:
        lacking += f"; it is not known of {listed(sorted(others))}, no share of answers"
    return [f"{start}, of so many examples: {', '.join(known)}{lacking}."]


def seen_note(board: Leaderboard) -> list[str]:
    """Returns of which tasks the test examples are those of training: a sentence."""
    seen = [card.task for card in board.tasks if card.seen]
    if not seen:
        return []
    return [
        f"The test examples of {listed(seen)} are those of training, as there are no "
        "others: a score tells what can be learned, not what holds of new examples."
    ]


def effective_lengths(board: Leaderboard) -> list[str]:
    """Returns how far each gets: a sentence per task that has several lengths."""
    told: dict[str, list[str]] = {}
    for curve in board.lengths:
        head = f"{curve.task_name} ({curve.length_name})"
        told.setdefault(head, []).append(_length(curve))
    return [
        f"Effective length on {head}, the longest up to which the mean score reaches "
        f"the bar: {', '.join(contenders)}."
        for head, contenders in told.items()
    ]


def _length(curve: LengthCurve) -> str:
    if not curve.effective:
        reached = f"none from {curve.points[0].length:g} on"
    else:
        least = "at least " if curve.at_least else ""
        reached = f"{least}{curve.effective:g}"
    ends = curve.interval
    mark = ONE_LEVEL if curve.one_level else ""
    doubt = "" if ends is None else f" [{ends.low:g}, {ends.high:g}]{mark}"
    return f"{curve.contender} {reached}{doubt}"


def board_text(board: Leaderboard) -> str:
    """Returns the table in columns, with verdict and notes below."""
    rows = [
        [" ".join(filter(None, lines)) for lines in row] for row in board_fields(board)
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join([line.rstrip() for line in lines] + footnotes(board))
