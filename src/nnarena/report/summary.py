"""A report's first words, and where its runs came from."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from ..analysis.differences import FEW_SEEDS
from ..analysis.intervals import Interval
from ..analysis.pairs import LEVEL
from ..analysis.ranks import RankTable
from ..analysis.standing import Leaderboard
from ..analysis.text import ONE_LEVEL
from ..analysis.words import MOST, listed, plural, some
from ..runs.record import Provenance, Record
from .findings import Findings
from .words import score_text


BEYOND = (
    "Nothing here tells how contenders would do at other sizes, with other recipes of "
    "training, or on tasks of another kind."
)


@dataclass(frozen=True)
class Summary:
    """What was run, who leads, and what follows from it and what does not."""

    run: str
    verdict: str
    can: tuple[str, ...]
    cannot: tuple[str, ...]


def summary(findings: Findings, unreadable: int) -> Summary:
    """Returns the first words of a page, for readers who know no statistics."""
    frame, board = findings.frame, findings.board
    return Summary(
        run=f"{_what_was_run(frame, board)} {_outcomes(frame)}",
        verdict=board.verdict,
        can=(
            *_beats(board),
            *_solved(board),
            *_ranked(findings.ranks),
            *_other_tasks(board),
        ),
        cannot=(*_limits(findings), *_gaps(board, unreadable), BEYOND),
    )


def _beats(board: Leaderboard) -> list[str]:
    """Who beats whom over these tasks, of the first contenders that beat anybody."""
    beaten: dict[str, list[str]] = {}
    for pair in board.pairs:
        for side in (pair, pair.swapped()):
            if side.answer == "beats":
                beaten.setdefault(side.first, []).append(side.second)
    told = sum(map(len, beaten.values()))
    if not told:
        return []
    where = f"Over these tasks the scores tell {told:,} of "
    able = [s.contender for s in board.standings if s.contender in beaten]
    rest = len(able) - MOST
    return [
        f"{where}{plural(len(board.pairs), 'pair')} apart ({board.family}).",
        *(f"{name} beats {some(beaten[name])}." for name in able[:MOST]),
        *(
            [f"So {'does' if rest == 1 else 'do'} {rest} more: see all pairs."]
            if rest > 0
            else []
        ),
    ]


def _ranked(ranks: RankTable | None) -> list[str]:
    """Whom the best by rank is surely ahead of, and of whom that cannot be said."""
    if ranks is None or ranks.note:
        return []
    first, *others = ranks.contenders
    sure = [
        name
        for name, p in zip(others, ranks.p_values[0][1:], strict=True)
        if p < LEVEL and not any({first, name} <= set(c) for c in ranks.cliques)
    ]
    open_ = [name for name in others if name not in sure]
    where = f"By ranks over {plural(len(ranks.tasks), 'task')} {first}, the first,"
    if not sure:
        return [f"{where} cannot be told from {listed(open_)}."]
    if not open_:
        return [f"{where} is ahead of every other contender."]
    return [f"{where} is ahead of {listed(sure)}, but not surely of {listed(open_)}."]


def _other_tasks(board: Leaderboard) -> list[str]:
    first = board.standings[0]
    if first.overall is None or not first.complete or first.task_interval is None:
        return []
    percent = round(100 * board.confidence)
    mark = f" ({ONE_LEVEL})" if first.one_level and first.interval else ""
    return [
        f"{first.contender} has an overall score of {score_text(first.overall)}; with "
        f"other seeds it would lie {_between(first.interval, first.seeds)}{mark}, with "
        f"other tasks of the same kind {_between(first.task_interval, first.seeds)} "
        f"({percent} % intervals)."
    ]


def _between(interval: Interval | None, seeds: int) -> str:
    if interval is None:
        why = "one seed" if seeds < 2 else "all runs of a task are equal"
        return f"nobody knows where ({why})"
    return f"between {score_text(interval.low)} and {score_text(interval.high)}"


def _limits(findings: Findings) -> list[str]:
    board, power = findings.board, findings.board.resolution
    pairs = plural(len(board.pairs), "pair")
    untold = [pair for pair in board.pairs if pair.answer == "cannot tell"]
    notes = [
        f"Of {pairs} the scores cannot tell {len(untold):,} apart." if untold else "",
        _incomplete(sum(not pair.complete for pair in board.pairs)),
        _unseen(sum(p.apart and p.seeds >= FEW_SEEDS for p in untold)),
        power.sentence if power else "",
        *board.trained,
        *board.reported,
        (findings.ranks and findings.ranks.note),
    ]
    missed = "That no difference was found does not mean that there is none."
    return [*[note for note in notes if note], missed]


def _incomplete(pairs: int) -> str:
    """Of how many pairs nothing is said, as one of the two lacks a task."""
    if not pairs:
        return ""
    return (
        f"Of {plural(pairs, 'pair')} nothing can be said over all tasks: one of the "
        "two has no score on some task."
    )


def _unseen(pairs: int) -> str:
    """Of how many pairs only ends that have not come yet might change the order."""
    if not pairs:
        return ""
    return (
        f"The runs of {plural(pairs, 'pair')} among them differ by more than they "
        "scatter, but are so few that ends of another kind may not have come yet: more "
        "seeds would tell."
    )


def _gaps(board: Leaderboard, unreadable: int) -> list[str]:
    sentences = []
    sentences += [refused.sentence for refused in board.refused]
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
        if any(cell.solved == cell.judged + cell.failed for cell in cells):
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
