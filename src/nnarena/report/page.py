"""The report of a store: one HTML file that asks nothing of a network or a server."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Any

import vl_convert
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ..analysis.controls import aside_note
from ..analysis.text import one_level_note, seen_note, test_rows_note
from ..runs.evaluations import read_evaluations
from ..runs.plans import read_refusals
from ..runs.record import History, Record
from ..runs.store import AbstractStore
from .asked import asked_tables
from .columns import to_columns
from .contenders import sections
from .figures import Figure, all_figures, contender_looks
from .findings import Findings, findings_of, read_store
from .summary import facts, summary
from .tables import (
    bar_table,
    cost_table,
    length_table,
    overall_table,
    pair_table,
    task_table,
    trouble_table,
)


LIBRARIES = "window.vegaEmbed = vegaEmbed;"


def write_report(store: AbstractStore, path: Path, title: str) -> Path:
    """Writes the report of all runs of a store to a file; returns where it is.

    Raises:
        ValueError: the store has no readable run.
    """
    page = render_report(store, title)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def render_report(store: AbstractStore, title: str) -> str:
    """Returns the report of all runs of a store as the text of one page.

    The page is a function of the store and the title alone: equal ones give equal
    bytes. It draws its figures with scripts of its own and loads nothing.

    Raises:
        ValueError: the store has no readable run.
    """
    records, histories = read_store(store)
    unreadable = store.unreadable()
    return _rendered(
        title=title,
        store_name=PurePath(store.address).name,
        unreadable=[(Path(name).name, reason) for name, reason in unreadable],
        **_contents(
            findings_of(
                records, histories, read_refusals(store), read_evaluations(store)
            ),
            records,
            histories,
            len(unreadable),
        ),
    )


def _contents(
    findings: Findings,
    records: list[Record],
    histories: dict[str, History],
    unreadable: int,
) -> dict[str, Any]:
    frame, board = findings.frame, findings.board
    charts = all_figures(findings, histories)
    about = sections(frame, board, _versions(records))
    return {
        "summary": summary(findings, unreadable),
        "board": board,
        "looks": contender_looks(standing.contender for standing in board.standings),
        "anchors": {section.standing.contender: section.anchor for section in about},
        "sections": about,
        "overall": overall_table(board),
        "pairs": pair_table(board),
        "notes": [
            *one_level_note(board),
            *test_rows_note(board),
            *seen_note(board),
            *aside_note(board.controls, [card.task for card in board.tasks]),
        ],
        "tasks": task_table(board),
        "troubles": trouble_table(frame),
        "costs": cost_table(frame),
        "lengths": length_table(findings.lengths),
        "asked": asked_tables(findings.asked),
        "bars": bar_table(board),
        "facts": facts(records),
        "figures": charts,
        "drawings": {name: _drawing(chart) for name, chart in charts.items()},
    }


def _drawing(figure: Figure) -> Mapping[str, Any]:
    """What the page's script needs to draw a figure and to save its data."""
    return {
        "spec": figure.spec(),
        "columns": to_columns(figure.rows),
        "width": max(640, figure.least_width),
    }


def _versions(records: Sequence[Record]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record in records:
        model = record.identity.model
        found.setdefault(model.name, set()).add(model.version)
    return found


def _rendered(**context: Any) -> str:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["breakable"] = _breakable
    template = environment.from_string(_text("page.html.j2"))
    return template.render(
        style=Markup(_text("page.css")),
        script=Markup(_text("page.js")),
        library=_library(),
        **context,
    )


def _breakable(name: str) -> Markup:
    """A name that may be broken after its underscores, and is still the same text."""
    return Markup("_<wbr>").join(name.split("_"))


def _library() -> Markup:
    """The drawing library with all it needs, fit for a script element."""
    text = vl_convert.javascript_bundle(LIBRARIES)
    return Markup(text.replace("</script", "<\\/script"))


def _text(name: str) -> str:
    return files("nnarena.report").joinpath(name).read_text(encoding="utf-8")
