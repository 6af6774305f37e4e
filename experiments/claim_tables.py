"""The tables of a page of claims, each written from the records of one store."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nnarena.analysis.controls import aside_note
from nnarena.analysis.evaluations import evaluated
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.intervals import Interval
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.length import LengthPoint
from nnarena.analysis.pairs import Pair, all_pairs
from nnarena.analysis.scores import scores_of
from nnarena.analysis.standing import Cell, TaskCard
from nnarena.analysis.text import ONE_LEVEL, one_level_note
from nnarena.runs.evaluations import read_evaluations
from nnarena.runs.record import Record
from nnarena.runs.store import DirectoryStore


ROOT = Path(__file__).parent.parent


def rows_of(store: str) -> pd.DataFrame:
    """Returns the runs of a store under results."""
    return runs_frame(DirectoryStore(ROOT / "results" / store))


def claim_table(store: str) -> Iterator[str]:
    """Yields contender, cost per step, and per task the mean with its interval."""
    frame = rows_of(store)
    board = leaderboard(frame)
    tasks = [card.task for card in board.tasks]
    yield f"| contender | parameters | ms per step | {' | '.join(tasks)} |"
    yield "|---|" + "---:|" * (2 + len(tasks))
    for standing in board.standings:
        own = frame[frame.contender == standing.contender]
        cells = [cell_text(standing.cell(card.task), card) for card in board.tasks]
        cost = 1e3 * own.groupby("task").seconds_per_step.median().mean()
        parameters = f"{standing.parameters:,}" if standing.parameters else "-"
        head = f"| {standing.contender} | {parameters} | {cost:.3g} | "
        yield head + " | ".join(cells) + " |"
    for aside in board.controls:
        scores = [aside.scores.get(card.task) for card in board.tasks]
        told = ["-" if score is None else f"{score:.3g}" for score in scores]
        yield f"| {aside.control}, apart | - | - | {' | '.join(told)} |"
    lengths = frame.groupby(["contender", "task"]).size()
    several = f"{lengths.min()}" if lengths.nunique() == 1 else "one or more"
    score = f"Test score, mean over {several} seeds [95 % interval]"
    if lengths.max() == 1:
        score = "Test score of one seed"
    metrics = ", ".join(f"{card.task}: {card.metric}" for card in board.tasks)
    yield ""
    yield f"{score}, k/n runs that solved the task. {metrics}."
    split = [card.task for card in board.tasks if card.all_or_none]
    if split:
        yield ""
        names = ", ".join(split)
        yield f"All or none on {names}: k/n [95 % interval of that share], mean."
    tasks = [card.task for card in board.tasks]
    for note in (
        *one_level_note(board),
        *board.trained,
        *aside_note(board.controls, tasks),
    ):
        yield ""
        yield note


def cell_text(cell: Any, card: TaskCard) -> str:
    """Returns a mean with its interval, how many runs solved the task and broke."""
    if cell is None or cell.mean is None:
        return broken(cell).removeprefix(", ") if cell is not None else "-"
    interval = cell.interval
    around = "" if interval is None else f" [{interval.low:.3g}, {interval.high:.3g}]"
    if interval is not None and cell.one_level:
        around += ONE_LEVEL
    if cell.ends is not None:
        around += f" (runs {cell.ends.low:.3g} to {cell.ends.high:.3g})"
    if card.all_or_none:
        low, high = (100 * end for end in cell.solved_interval)
        share = f"{cell.solved}/{cell.judged} [{low:.0f}, {high:.0f}] %"
        return f"{share}, mean {cell.mean:.3g}{broken(cell)}"
    return f"{cell.mean:.3g}{around}, {cell.solved}/{cell.judged}{broken(cell)}"


def broken(cell: Cell) -> str:
    """Returns how many runs of a cell broke: ", 1 diverged, 2 failed", or nothing."""
    ends = ((cell.diverged, "diverged"), (cell.failed, "failed"))
    return "".join(f", {count} {end}" for count, end in ends if count)


def grid_table(store: str) -> Iterator[str]:
    """Yields the means of one contender with their intervals, by two of its settings.

    Of each task the first setting makes columns and the second rows.
    """
    board = leaderboard(rows_of(store))
    found = {_pair_of(standing.contender): standing for standing in board.standings}
    (column, row), *_ = ([name for name, _ in pair] for pair in found)
    values = [sorted({pair[at][1] for pair in found}, key=float) for at in (0, 1)]
    heads = [f"{card.task}, {column} {c}" for card in board.tasks for c in values[0]]
    yield f"| {row} | {' | '.join(heads)} |"
    yield "|---:|" + "---:|" * len(heads)
    for own in values[1]:
        cells = [
            cell_text(found[(column, other), (row, own)].cell(card.task), card)
            for card in board.tasks
            for other in values[0]
        ]
        yield f"| {own} | {' | '.join(cells)} |"
    yield ""
    metrics = ", ".join(f"{card.task}: {card.metric}" for card in board.tasks)
    yield f"Mean test score over seeds [95 % interval], k/n that solved it. {metrics}."
    for note in one_level_note(board):
        yield ""
        yield note


def _pair_of(label: str) -> tuple[tuple[str, str], ...]:
    """Returns the settings that a label names: "esn (leak=1.0, radius=2.0)"."""
    pairs = (part.partition("=") for part in _form(label).split(", "))
    return tuple((name, value) for name, _, value in pairs)


def asked_table(store: str) -> Iterator[str]:
    """Yields what models trained on one form of a task answered to others, by form.

    Beside it are those trained on each form, and below whether a contender carries over
    from what it was trained on, by the rule of the suite.
    """
    kept = DirectoryStore(ROOT / "results" / store)
    found = evaluated(list(kept), read_evaluations(kept))
    columns = list(dict.fromkeys(cell.asked for cell in found.cells))
    yield f"| contender | trained on | {' | '.join(map(_form, columns))} |"
    yield "|---|---|" + "---:|" * len(columns)
    own = {(c.contender, c.asked): c for c in found.cells if c.is_own}
    for contender in dict.fromkeys(cell.contender for cell in found.cells):
        cells = [cell for cell in found.cells if cell.contender == contender]
        for trained in dict.fromkeys(c.trained for c in cells if not c.is_own):
            row = {cell.asked: cell for cell in cells if cell.trained == trained}
            yield _asked_row(contender, _form(trained), columns, row)
        each = {asked: own.get((contender, asked)) for asked in columns}
        yield _asked_row(contender, "each by itself", columns, each)
    yield ""
    metrics = ", ".join(sorted({cell.card.metric for cell in found.cells}))
    yield f"Test {metrics}, mean over seeds [95 % interval], k/n that solved the task."
    for curve in found.curves:
        told = [
            f"{point.length:g}: {carries_over(point)}"
            for point in curve.points
            if point.length != curve.trained
        ]
        yield ""
        yield f"{curve.contender}, from {curve.trained:g}: {'; '.join(told)}."


def seeds_table(store: str) -> Iterator[str]:
    """Yields the scores of all runs, seed by seed, at every length they were asked."""
    kept = DirectoryStore(ROOT / "results" / store)
    records = {record.key: record for record in kept}
    asked = [one.as_record(records[one.run]) for one in read_evaluations(kept)]
    scores = runs_frame([*records.values(), *asked]).pivot_table(
        index=["contender", "seed"],
        columns=["task_name", "length"],
        values="test_score",
    )
    heads = [f"{name}, {length:g}" for name, length in scores.columns]
    yield f"| contender | seed | {' | '.join(heads)} |"
    yield "|---|---:|" + "---:|" * len(heads)
    for (contender, seed), row in scores.iterrows():
        told = " | ".join("-" if np.isnan(one) else f"{one:.3g}" for one in row)
        yield f"| {contender} | {seed} | {told} |"


def _form(label: str) -> str:
    """Returns what tells a task from others of its name."""
    return label.partition(" (")[2].removesuffix(")") or label


def _asked_row(
    contender: str, trained: str, columns: Sequence[str], row: Mapping[str, Any]
) -> str:
    told = []
    for one in map(row.get, columns):
        if one is None:
            told.append("-")
        elif one.reason is not None:
            told.append(f"cannot be asked: {one.reason}")
        else:
            told.append(cell_text(one.cell, one.card))
    return f"| {contender} | {trained} | {' | '.join(told)} |"


def carries_over(point: LengthPoint) -> str:
    """Returns whether a contender carries over to a length that it was not trained at.

    It does where the interval of its mean score lies at or above the bar, it does not
    where it lies below; equal scores, which have no interval, go by their mean.
    """
    ends = point.interval or Interval(point.mean, point.mean)
    if ends.low >= point.bar - 1e-12:
        return "carries over"
    return "does not" if ends.high < point.bar else "cannot be told"


def records_of(store: str) -> dict[str, Record]:
    """Returns the records of a store under results, by key."""
    return {record.key: record for record in DirectoryStore(ROOT / "results" / store)}


def told_table(store: str) -> Iterator[str]:
    """Yields whom each contender beats over all tasks, and is better than on each.

    Both are the verdicts of `arena compare A B`: the first of the intervals of all
    pairs of the store at once, the second of the tests of all pairs on all tasks.
    """
    frame = rows_of(store)
    board, scores = leaderboard(frame), scores_of(frame)
    names = [standing.contender for standing in board.standings]
    over_all = [*board.pairs, *(pair.swapped() for pair in board.pairs)]
    tests = all_pairs(scores)
    by_task = [*tests, *(test.swapped() for test in tests)]
    rows = []
    for name in names:
        beaten = {p.second for p in over_all if p.first == name and p.answer == "beats"}
        better = [
            {t.second for t in by_task if (t.first, t.task) == (name, task) and _up(t)}
            for task in scores.tasks
        ]
        if any((beaten, *better)):
            groups = [sorted(group, key=names.index) for group in (beaten, *better)]
            told = [", ".join(group) or "-" for group in groups]
            rows.append(f"| {name} | {' | '.join(told)} |")
    if rows:
        heads = [f"better on {task}" for task in scores.tasks]
        yield f"| contender | beats | {' | '.join(heads)} |"
        yield "|---|---|" + "---|" * len(scores.tasks)
        yield from rows
        yield ""
    yield (
        f"Over all tasks by intervals of {board.family}, on one by tests at level 0.05 "
        f"for all {len(tests)} at once, the runs tell no {'others' if rows else 'two'} "
        "apart."
    )


def _up(test: Pair) -> bool:
    return test.settled and test.superiority > 0.5
