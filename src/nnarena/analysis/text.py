"""The leaderboard in words and figures, for a terminal or a prompt."""

from .length import LengthCurve
from .pairs import FEW_SEEDS
from .standing import Cell, Leaderboard, Standing


Lines = tuple[str, str]
"""A field of the table: the figure, and below it its doubt."""


def figure(value: float) -> str:
    """Returns a score at three digits: 0.973, 0.047, 0.00021."""
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.2g}"


def board_fields(board: Leaderboard) -> list[tuple[Lines, ...]]:
    """Returns a header and one row per contender, each field two lines of text."""
    tasks = [
        (card.task, "accuracy" if card.higher_is_better else "mean squared error")
        for card in board.tasks
    ]
    header = (("#", ""), ("contender", ""), ("overall", ""), *tasks, ("cost", ""))
    return [header, *(_row(standing, board) for standing in board.standings)]


def _row(standing: Standing, board: Leaderboard) -> tuple[Lines, ...]:
    cells = [_cell(standing.cell(card.task)) for card in board.tasks]
    parameters = "-" if standing.parameters is None else f"{standing.parameters:,}"
    seconds = "-" if standing.run_seconds is None else f"{standing.run_seconds:.1f}"
    return (
        (str(standing.rank), ""),
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
        doubt = f"[{standing.interval.low:.2f}, {standing.interval.high:.2f}]"
    mark = "" if standing.complete else " incomplete"
    return f"{standing.overall:.2f}{mark}", doubt


def _cell(cell: Cell | None) -> Lines:
    if cell is None:
        return "-", ""
    troubles = [(cell.diverged, "diverged"), (cell.failed, "failed")]
    told = "".join(f" {count} {what}" for count, what in troubles if count)
    if cell.mean is None:
        return told.strip() or "-", ""
    doubt = ""
    if cell.interval is not None:
        doubt = f"[{figure(cell.interval.low)}, {figure(cell.interval.high)}]"
    return f"{figure(cell.mean)} {cell.solved}/{cell.judged}{told}", doubt


def footnotes(board: Leaderboard) -> list[str]:
    """Returns the verdict and how to read the figures."""
    percent = round(100 * board.confidence)
    resolution = board.resolution
    chances = ", ".join(f"{card.task} {figure(card.chance)}" for card in board.tasks)
    return [
        board.verdict,
        *([resolution.sentence] if resolution else []),
        f"Mean over seeds, [{percent} % bootstrap interval], k/n runs that solved the "
        f"task. Overall: 0 is a blind answer, 1 a perfect one. Chance: {chances}.",
        *([board.budget.sentence] if board.budget else []),
        *few_seeds(board),
        *effective_lengths(board),
    ]


def few_seeds(board: Leaderboard) -> list[str]:
    """Returns what to think of intervals of few seeds: a sentence, or none."""
    fewest = min((standing.seeds for standing in board.standings), default=0)
    if not 2 <= fewest < FEW_SEEDS:
        return []
    return [
        f"Intervals of fewer than {FEW_SEEDS} seeds are too narrow: of three normal "
        "runs they hold the true mean 75 times in 100, of two 50 times."
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
    doubt = "" if ends is None else f" [{ends.low:g}, {ends.high:g}]"
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
