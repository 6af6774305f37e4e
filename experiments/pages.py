"""Writes the tables and figures of the pages in docs from the records in results.

    .venv/bin/python -m experiments.pages            rewrites tables and figures
    .venv/bin/python -m experiments.pages --check    exits 1 if a page is out of date

A page says what goes where, and of which store, by two comments:

    <!-- table: claims/unitary -->  ...  <!-- end -->
    <!-- grid: claims/esn -->       ...  <!-- end -->  one contender by two settings
    <!-- asked: claims/lengths -->  ...  <!-- end -->  what trained models were asked
    <!-- thesis: thesis -->         ...  <!-- end -->  beside the thesis's figures
    <!-- swap: thesis -->           ...  <!-- end -->  beside those of other contenders
    <!-- missing: thesis -->        ...  <!-- end -->  the seeds that are missing
    <!-- told: claims/lengths -->   ...  <!-- end -->  which contenders are told apart
    <!-- figure: claims/lengths overall -->  ...  <!-- end -->  a figure of the report
    <!-- success: claims/latch -->  ...  <!-- end -->  how often a task is learned

A figure is named as `arena export` names its file; it is drawn into docs/figures.
Every number is a pure function of records; pages.py never trains.
"""

import argparse
import functools
import hashlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from experiments.success import NAMES, success_figure, success_table

from nnarena.analysis.controls import aside_note
from nnarena.analysis.evaluations import evaluated
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.intervals import Interval
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.length import LengthPoint
from nnarena.analysis.pairs import Pair, all_pairs
from nnarena.analysis.published import Comparison, against_published
from nnarena.analysis.scores import scores_of
from nnarena.analysis.standing import TaskCard
from nnarena.analysis.swap import Verdicts, swapped, swapped_means
from nnarena.analysis.text import ONE_LEVEL, one_level_note
from nnarena.report.export import drawing
from nnarena.report.figures import Figure, all_figures
from nnarena.report.findings import findings_of, read_store
from nnarena.runs.evaluations import read_evaluations
from nnarena.runs.record import Record
from nnarena.runs.store import DirectoryStore


ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "docs" / "figures"
KINDS = (
    *("table", "grid", "asked", "thesis", "swap", "missing", "told", "success"),
    "figure",
)
"""What a block of a page may show."""
BLOCK = re.compile(
    rf"(<!-- ({'|'.join(KINDS)}): (\S+)(?: (\S+))? -->\n).*?(<!-- end -->)",
    re.DOTALL,
)
DIGITS = 6
"""Significant digits of a drawn number: fewer than platforms agree on."""


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
        cells = [_cell(standing.cell(card.task), card) for card in board.tasks]
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


def _cell(cell: Any, card: TaskCard) -> str:
    if cell is None or cell.mean is None:
        return "failed" if cell is not None and cell.failed else "-"
    interval = cell.interval
    around = "" if interval is None else f" [{interval.low:.3g}, {interval.high:.3g}]"
    if interval is not None and cell.one_level:
        around += ONE_LEVEL
    if cell.ends is not None:
        around += f" (runs {cell.ends.low:.3g} to {cell.ends.high:.3g})"
    diverged = f", {cell.diverged} diverged" if cell.diverged else ""
    if card.all_or_none:
        low, high = (100 * end for end in cell.solved_interval)
        share = f"{cell.solved}/{cell.judged} [{low:.0f}, {high:.0f}] %"
        return f"{share}, mean {cell.mean:.3g}{diverged}"
    return f"{cell.mean:.3g}{around}, {cell.solved}/{cell.judged}{diverged}"


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
            _cell(found[(column, other), (row, own)].cell(card.task), card)
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
            told.append(_cell(one.cell, one.card))
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


def thesis_table(store: str) -> Iterator[str]:
    """Yields the runs of a store beside the figures that the thesis printed."""
    yield (
        "| task | contender | parameters | n | ours (mean ± sd) | each run | "
        "thesis (n = 3) | difference [95 %] | margin | could see | verdict | "
        "differs from others | epochs, ours / thesis |"
    )
    yield "|---|---|---:|---:|---|---|---|---|---:|---:|---|---:|---|"
    records = records_of(store)
    found = against_published(records.values(), "thesis")
    for cell in found:
        epochs = np.mean([records[key].result.steps for key in cell.keys]) / 250
        yield _thesis_row(cell, float(epochs))
    yield ""
    yield _thesis_summary(found)


def _thesis_row(found: Comparison, epochs: float) -> str:
    figure, gap, others = found.figure, found.gap, swapped(found)
    each = ", ".join(f"{score:.3f}" for score in found.scores)
    if found.diverged:
        each += f" ({found.diverged} diverged, counted as chance)"
    better = {True: " (better)", False: " (worse)", None: ""}[found.better]
    verdict = "; ".join([found.verdict + better, *found.reasons])
    spread = "" if found.spread is None else f" ± {found.spread:.3f}"
    between = "-" if gap is None else f"{gap.low:+.3f} to {gap.high:+.3f}"
    between += "†" if len(found.scores) == 1 else ""
    could_see = "-" if found.detectable is None else f"{found.detectable:.3f}"
    return (
        f"| {found.task} | {found.contender} | {found.parameters:,} | "
        f"{len(found.scores)} of {figure.study.n} | {found.mean:.3f}{spread} | "
        f"{each} | {figure.value:.3f} ± {figure.spread:.3f} | {between} | "
        f"{figure.margin:.4f}{'' if figure.can_be_met else '*'} | {could_see} | "
        f"{verdict} | {others['differs']} of {others.total()} | "
        f"{epochs:.0f} / {figure.epochs:.0f} |"
    )


def _thesis_summary(found: Sequence[Comparison]) -> str:
    """How the cells read, and in how many of them none could have agreed."""
    verdicts = _verdicts(found)
    tied = sum(not cell.figure.can_be_met for cell in found)
    wide = sum(
        cell.figure.can_be_met
        and cell.gap is not None
        and cell.gap.high - cell.gap.low >= 2 * cell.figure.margin
        for cell in found
    )
    return (
        f"{len(found)} cells: {verdicts['agrees']} agree, {verdicts['differs']} "
        f"differ, {verdicts['not told apart']} are not told apart. In {tied} (*) the "
        f"margin is no wider than the rounding, and no runs could agree; in {wide} "
        "more the interval is wider than the margins, so that even a mean equal to "
        "the thesis's would not have agreed. †: one run, whose interval holds the "
        "difference less often than 95 % where runs do not vary as the thesis's three."
    )


def swap_table(store: str) -> Iterator[str]:
    """Yields what runs read against their own figures and against wrong ones."""
    records = records_of(store).values()
    found = against_published(records, "thesis")
    first = [record for record in records if record.identity.seed == 0]
    others: Verdicts = sum(map(swapped, found), Counter())
    yield "| what is held against what | pairs | agrees | differs | not told apart |"
    yield "|---|---:|---:|---:|---:|"
    rows = {
        "the cells' runs against their own figures": _verdicts(found),
        "the cells' first runs alone (seed 0) against their own figures": (
            _verdicts(against_published(first, "thesis"))
        ),
        "the cells' runs against the figures of other contenders of the task": others,
        "one run that reads another contender's published mean, against all figures": (
            swapped_means("thesis")
        ),
    }
    for name, verdicts in rows.items():
        yield f"| {name} | {verdicts.total()} | {_shares(verdicts)} |"


def _verdicts(found: Sequence[Comparison]) -> Verdicts:
    return Counter(cell.verdict for cell in found)


def _shares(verdicts: Verdicts) -> str:
    words = ("agrees", "differs", "not told apart")
    return " | ".join(f"{verdicts[word] / verdicts.total():.0%}" for word in words)


def missing_table(store: str) -> Iterator[str]:
    """Yields the seeds that cells of a store lack, the cheapest runs first.

    A run is taken to cost what the cell's seed 0 did, on one core.
    """
    records = records_of(store)
    rows = []
    for cell in against_published(records.values(), "thesis"):
        runs = {records[key].identity.seed: records[key] for key in cell.keys}
        missing = sorted(set(range(cell.figure.study.n or 0)) - set(runs))
        if missing:
            seconds = runs[0].cost.run_seconds
            rows.append((seconds, cell.task, cell.contender, missing))
    yield "| order | task | contender | missing seeds | seconds of a run |"
    yield "|---:|---|---|---|---:|"
    for order, (seconds, task, contender, missing) in enumerate(sorted(rows), 1):
        seeds = ", ".join(map(str, missing))
        yield f"| {order} | {task} | {contender} | {seeds} | {seconds:,.0f} |"
    count = sum(len(missing) for *_, missing in rows)
    hours = sum(seconds * len(missing) for seconds, *_, missing in rows) / 3600
    yield ""
    yield f"{count} runs of {len(rows)} cells are missing: {hours:.1f} core-hours."


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


@functools.cache
def figures_of(store: str) -> dict[str, Figure]:
    """Returns the figures of a report on a store, by name."""
    kept = DirectoryStore(ROOT / "results" / store)
    records, histories = read_store(kept)
    found = findings_of(records, histories, evaluations=read_evaluations(kept))
    drawn = all_figures(found, histories)
    if store.removeprefix("claims/") in NAMES:
        drawn["success"] = success_figure(store)
    return drawn


def figure_lines(store: str, name: str, folder: Path) -> Iterator[str]:
    """Yields the image of a figure, for a page in a folder."""
    figure, path = figures_of(store)[name], figure_path(store, name)
    place = Path(os.path.relpath(path, folder)).as_posix()
    yield f"![{figure.title}. {figure.caption}]({place})"


def figure_path(store: str, name: str) -> Path:
    """Returns where a figure of a store is drawn."""
    return FIGURES / f"{store.replace('/', '-')}-{name}.svg"


def figure_svg(store: str, name: str) -> str:
    """Returns the drawing of a figure, which ends with a digest of what it shows."""
    figure = figures_of(store)[name]
    figure = replace(figure, rows=[_rounded(row) for row in figure.rows])
    shown = json.dumps([figure.title, figure.caption, figure.rows], sort_keys=True)
    digest = hashlib.sha256(shown.encode()).hexdigest()
    return f"{drawing(figure, 'svg').decode()}\n<!-- rows: {digest} -->\n"


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for name, value in row.items()
    }


def figure_content(svg: str) -> list[str]:
    """Returns what a drawing says: its words, labels of marks and digest of rows.

    Two drawings of the same rows agree in it; places of letters depend on the fonts of
    a machine.
    """
    return re.findall(r'aria-label="[^"]*"|>[^<>\s][^<>]*<|<!-- rows: \w+ -->', svg)


def drawn_on(page: str) -> dict[Path, str]:
    """Returns the drawings of a page, by their files."""
    asked = [found.groups() for found in BLOCK.finditer(page)]
    return {
        figure_path(store, name): figure_svg(store, name)
        for _, kind, store, name, _ in asked
        if kind == "figure"
    }


def stale_figures(page: str) -> dict[Path, str]:
    """Returns the drawings of a page whose files are missing or say something else."""
    return {
        path: svg
        for path, svg in drawn_on(page).items()
        if not path.exists()
        or figure_content(path.read_text(encoding="utf-8")) != figure_content(svg)
    }


TABLES = {
    "table": claim_table,
    "grid": grid_table,
    "asked": asked_table,
    "thesis": thesis_table,
    "swap": swap_table,
    "missing": missing_table,
    "told": told_table,
    "success": success_table,
}


def renewed(page: str, folder: Path = ROOT / "docs" / "claims") -> str:
    """Returns a page of a folder with its tables and images written afresh."""

    def write(found: re.Match[str]) -> str:
        begin, kind, store, name, end = found.groups()
        if kind == "figure":
            lines = figure_lines(store, name, folder)
        else:
            lines = TABLES[kind](store)
        return begin + "\n".join(lines) + "\n" + end

    return BLOCK.sub(write, page)


def main() -> int:
    """Rewrites or checks every page that has a table or a figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = []
    for path in sorted((ROOT / "docs").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        new = renewed(text, path.parent)
        changed = stale_figures(text) | ({path: new} if new != text else {})
        for file, content in changed.items():
            stale.append(str(file.relative_to(ROOT)))
            if not check:
                file.parent.mkdir(exist_ok=True)
                file.write_text(content, encoding="utf-8")
    print("\n".join(stale) or "every page is up to date")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
