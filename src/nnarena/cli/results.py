"""The leaderboard, page and files for a paper of a folder of results, without jax."""

from dataclasses import replace
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from ..analysis.frame import runs_frame
from ..analysis.leaderboard import leaderboard
from ..analysis.refused import refused_pairs
from ..analysis.standing import Leaderboard
from ..analysis.text import board_fields, footnotes
from ..runs.plans import read_refusals
from ..runs.record import Record
from ..runs.store import open_store
from .console import guarded, news, out, print_json, refuse


def read_records(results: str, keys: set[str] | None = None) -> list[Record]:
    """Returns the records of a folder, saying what could not be read.

    Raises:
        typer.Exit: there are none (usage).
    """
    store = open_store(results)
    for file, reason in store.unreadable():
        news.print(f"left out {file}: {reason}", markup=False, soft_wrap=True)
    records = [record for record in store if keys is None or record.key in keys]
    if not records:
        raise refuse(
            f"there are no records of runs in {results}; `arena run` makes some"
        )
    return records


def read_leaderboard(results: str, keys: set[str] | None = None) -> Leaderboard:
    """Returns the leaderboard of a folder.

    Raises:
        typer.Exit: there are no records (usage).
    """
    records, store = read_records(results, keys), open_store(results)
    histories = store.histories(record.key for record in records)
    board = leaderboard(runs_frame(records, histories.get))
    refused = refused_pairs(records, read_refusals(store, keys))
    return replace(board, refused=refused)


def print_leaderboard(results: str, keys: set[str] | None = None) -> None:
    """Prints the leaderboard as a table with its verdict."""
    board = read_leaderboard(results, keys)
    header, *rows = (
        [escape("\n".join(filter(None, lines))) for lines in row]
        for row in board_fields(board)
    )
    table = Table(*header, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    out.print(table)
    for note in footnotes(board):
        out.print(note, markup=False)


def show_leaderboard(results: str, *, as_json: bool) -> None:
    """Prints the leaderboard of a folder."""
    if as_json:
        print_json(read_leaderboard(results).to_dict())
    else:
        print_leaderboard(results)


@guarded
def write_page(results: str, output: Path | None) -> None:
    """Writes the page, beside the records if not elsewhere, and says where it is."""
    from ..report.page import render_report, write_report

    store, title = open_store(results), "Neural Network Arena"
    try:
        if output is None:
            place = store.put_page(render_report(store, title))
        else:
            place = str(write_report(store, output, title))
    except ValueError as error:
        raise refuse(f"{results}: {error}") from error
    news.print(f"report: {place}", markup=False, soft_wrap=True)


@guarded
def export_results(results: str, folder: Path, formats: list[str]) -> None:
    """Writes tables and figures into a folder and says how many."""
    from ..report.export import write_export

    try:
        files = write_export(open_store(results), folder, formats)
    except ValueError as error:
        raise refuse(f"{results}: {error}") from error
    news.print(f"{len(files)} files: {folder}", markup=False, soft_wrap=True)
