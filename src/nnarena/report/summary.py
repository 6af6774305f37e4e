"""A report's first paragraph, and where its runs came from."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from ..analysis.standing import Leaderboard
from ..runs.record import Provenance, Record
from .words import listed, plural


def summary(frame: pd.DataFrame, board: Leaderboard, unreadable: int) -> list[str]:
    """Returns what was run, who leads, and what else is to be known: paragraphs."""
    run = f"{_what_was_run(frame, board)} {_outcomes(frame)}"
    return [run, board.verdict, " ".join(_rest(board, unreadable))]


def _rest(board: Leaderboard, unreadable: int) -> list[str]:
    sentences = _solved(board)
    short = [s.contender for s in board.standings if not s.complete]
    if short:
        sentences.append(
            f"Without a score on every task, and so ranked last: {listed(short)}."
        )
    if unreadable:
        sentences.append(
            f"{plural(unreadable, 'record')} could not be read and "
            f"{'is' if unreadable == 1 else 'are'} missing here."
        )
    return sentences


def facts(records: Sequence[Record]) -> list[tuple[str, str, int]]:
    """Returns where runs came from: what, its value, how many runs say so."""
    origins = [record.provenance for record in records]
    starts, ends = (sorted(_each(origins, w)) for w in ("started_at", "finished_at"))
    rows = [
        ("first run started", starts[0], 1),
        ("last run finished", ends[-1], 1),
        *_counted("commit", origins, lambda p: [p.commit or "unknown"]),
        *_counted("executor", origins, lambda p: [p.executor]),
        *_counted("version", origins, lambda p: _pairs(p.versions)),
        *_counted("hardware", origins, lambda p: _pairs(p.hardware)),
    ]
    interrupted = sum(origin.interruptions > 0 for origin in origins)
    return [*rows, ("interruptions", "runs that were resumed", interrupted)]


def _what_was_run(frame: pd.DataFrame, board: Leaderboard) -> str:
    seeds = Counter(zip(frame["contender"], frame["task"], strict=True)).values()
    span = (
        str(max(seeds)) if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
    )
    return (
        f"{plural(len(board.standings), 'contender')} on "
        f"{plural(len(board.tasks), 'task')} with {span} "
        f"{'seed' if span == '1' else 'seeds'} each."
    )


def _outcomes(frame: pd.DataFrame) -> str:
    counts = Counter(frame["outcome"])
    parts = [f"{counts['finished']:,} finished"]
    if counts["diverged"]:
        parts.append(f"{counts['diverged']:,} diverged (each counts as a blind answer)")
    if counts["failed"]:
        parts.append(f"{counts['failed']:,} failed (no result)")
    return f"Of {plural(len(frame), 'run')}, {listed(parts)}."


def _solved(board: Leaderboard) -> list[str]:
    everywhere, nowhere = [], []
    for card in board.tasks:
        cells = [c for s in board.standings if (c := s.cell(card.task)) and c.judged]
        if any(cell.solved == cell.judged for cell in cells):
            everywhere.append(card.task)
        elif not any(cell.solved for cell in cells):
            nowhere.append(card.task)
    sentences = []
    if everywhere:
        names = listed(everywhere)
        sentences.append(f"Solved on every seed by at least one contender: {names}.")
    if nowhere:
        sentences.append(f"Solved by nobody on any seed: {listed(nowhere)}.")
    return sentences


def _each(origins: Sequence[Provenance], field: str) -> list[str]:
    return [getattr(origin, field) for origin in origins]


def _pairs(values: dict[str, str] | dict[str, str | int]) -> list[str]:
    return [f"{name} {value}" for name, value in values.items()]


def _counted(
    what: str,
    origins: Sequence[Provenance],
    texts: Callable[[Provenance], Iterable[str]],
) -> list[tuple[str, str, int]]:
    counts = Counter(text for origin in origins for text in texts(origin))
    return [(what, text, count) for text, count in sorted(counts.items())]
