"""The leaderboard in words and figures, for a terminal or a prompt."""

from .standing import Cell, Leaderboard, Standing


def figure(value: float) -> str:
    """Returns a score at three digits: 0.973, 0.0471, 0.00021."""
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.2g}"


def board_rows(board: Leaderboard) -> list[tuple[str, ...]]:
    """Returns a header and one row per contender, all as text."""
    tasks = [
        f"{card.task} ({'accuracy' if card.higher_is_better else 'mse'})"
        for card in board.tasks
    ]
    header = ("rank", "contender", "family", "overall", *tasks, "parameters", "s/run")
    return [header, *(_row(standing, board) for standing in board.standings)]


def _row(standing: Standing, board: Leaderboard) -> tuple[str, ...]:
    cells = [_cell_text(standing.cell(card.task)) for card in board.tasks]
    parameters = "-" if standing.parameters is None else f"{standing.parameters:,}"
    seconds = "-" if standing.run_seconds is None else f"{standing.run_seconds:.1f}"
    return (
        str(standing.rank),
        standing.contender,
        standing.family,
        _overall_text(standing),
        *cells,
        parameters,
        seconds,
    )


def _overall_text(standing: Standing) -> str:
    if standing.overall is None:
        return "-"
    text = f"{standing.overall:.2f}"
    if standing.interval is not None:
        text += f" [{standing.interval.low:.2f}, {standing.interval.high:.2f}]"
    return text if standing.complete else text + " incomplete"


def _cell_text(cell: Cell | None) -> str:
    if cell is None or cell.mean is None:
        return "-" if cell is None or not cell.failed else f"{cell.failed} failed"
    text = figure(cell.mean)
    if cell.interval is not None:
        text += f" [{figure(cell.interval.low)}, {figure(cell.interval.high)}]"
    text += f" {cell.solved}/{cell.judged}"
    troubles = [(cell.diverged, "diverged"), (cell.failed, "failed")]
    return text + "".join(f", {count} {what}" for count, what in troubles if count)


def footnotes(board: Leaderboard) -> list[str]:
    """Returns the verdict and how to read the figures."""
    percent = round(100 * board.confidence)
    chances = ", ".join(f"{card.task} {figure(card.chance)}" for card in board.tasks)
    return [
        board.verdict,
        f"overall: 0 is a blind answer, 1 a perfect one, mean over tasks; "
        f"[{percent} % bootstrap interval over seeds]; k/n: runs that solved the task; "
        f"chance: {chances}",
    ]


def board_text(board: Leaderboard) -> str:
    """Returns the table in columns, with verdict and notes below."""
    rows = board_rows(board)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join([line.rstrip() for line in lines] + footnotes(board))
