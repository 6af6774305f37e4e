"""Writes the tables of the pages in docs from the records in results.

    .venv/bin/python experiments/pages.py            rewrites the tables
    .venv/bin/python experiments/pages.py --check    exits 1 if a page is out of date

A page says where a table goes, and of which store, by two comments:

    <!-- table: claims/unitary -->  ...  <!-- end -->
    <!-- thesis: thesis -->         ...  <!-- end -->

Every figure of a table is a pure function of records; pages.py never trains.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nnarena.analysis.frame import runs_frame
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.published import Comparison, against_published
from nnarena.runs.store import DirectoryStore


ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- (table|thesis): (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


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
        cells = [_cell(standing.cell(task)) for task in tasks]
        cost = 1e3 * own.groupby("task").seconds_per_step.median().mean()
        parameters = f"{standing.parameters:,}" if standing.parameters else "-"
        head = f"| {standing.contender} | {parameters} | {cost:.3g} | "
        yield head + " | ".join(cells) + " |"
    lengths = frame.groupby(["contender", "task"]).size()
    several = f"{lengths.min()}" if lengths.nunique() == 1 else "one or more"
    score = f"Test score, mean over {several} seeds [95 % bootstrap interval]"
    if lengths.max() == 1:
        score = "Test score of one seed"
    metrics = ", ".join(f"{card.task}: {card.metric}" for card in board.tasks)
    yield ""
    yield f"{score}, k/n runs that solved the task. {metrics}."


def _cell(cell: Any) -> str:
    if cell is None or cell.mean is None:
        return "failed" if cell is not None and cell.failed else "-"
    interval = cell.interval
    around = "" if interval is None else f" [{interval.low:.3g}, {interval.high:.3g}]"
    diverged = f", {cell.diverged} diverged" if cell.diverged else ""
    return f"{cell.mean:.3g}{around}, {cell.solved}/{cell.judged}{diverged}"


def thesis_table(store: str) -> Iterator[str]:
    """Yields the runs of a store beside the figures that the thesis printed."""
    yield (
        "| task | contender | parameters | n | ours (mean ± sd) | each run | "
        "thesis (n = 3) | difference [95 %] | verdict | epochs, ours / thesis |"
    )
    yield "|---|---|---:|---:|---|---|---|---|---|---|"
    records = list(DirectoryStore(ROOT / "results" / store))
    steps = {record.key: record.result.steps for record in records}
    for comparison in against_published(records, "thesis"):
        epochs = np.mean([steps[key] for key in comparison.keys]) / 250
        yield _thesis_row(comparison, float(epochs))


def _thesis_row(found: Comparison, epochs: float) -> str:
    figure, gap = found.figure, found.gap
    each = ", ".join(f"{score:.3f}" for score in found.scores)
    if found.diverged:
        each += f" ({found.diverged} diverged, counted as chance)"
    better = {True: " (better)", False: " (worse)", None: ""}[found.better]
    verdict = "; ".join([found.verdict + better, *found.reasons])
    spread = "" if found.spread is None else f" ± {found.spread:.3f}"
    between = "-" if gap is None else f"{gap.low:+.3f} to {gap.high:+.3f}"
    return (
        f"| {found.task} | {found.contender} | {found.parameters:,} | "
        f"{len(found.scores)} | {found.mean:.3f}{spread} | {each} | "
        f"{figure.value:.3f} ± {figure.spread:.3f} | {between} | {verdict} | "
        f"{epochs:.0f} / {figure.epochs:.0f} |"
    )


TABLES = {"table": claim_table, "thesis": thesis_table}


def renewed(page: str) -> str:
    """Returns the page with its tables written afresh."""

    def write(found: re.Match[str]) -> str:
        begin, kind, store, end = found.groups()
        return begin + "\n".join(TABLES[kind](store)) + "\n" + end

    return BLOCK.sub(write, page)


def main() -> int:
    """Rewrites or checks every page that has a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = []
    for path in sorted((ROOT / "docs").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        new = renewed(text)
        if new != text:
            stale.append(str(path.relative_to(ROOT)))
            if not check:
                path.write_text(new, encoding="utf-8")
    print("\n".join(stale) or "every page is up to date")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
