"""The report of a store: one HTML file that asks nothing of a network or a server."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ..analysis.frame import runs_frame
from ..analysis.leaderboard import leaderboard
from ..analysis.standing import Leaderboard
from ..runs.record import History, Record
from ..runs.store import AbstractStore, DirectoryStore
from .figures import (
    contender_colors,
    cost_scatter,
    learning_curves,
    overall_scores,
    seed_strips,
)
from .summary import facts, summary
from .tables import cost_table, overall_table, task_table, trouble_table


def write_report(store: AbstractStore, path: Path, title: str) -> Path:
    """Writes the report of all runs of a store; returns where it is.

    The page is a function of the store and the title alone: equal ones give equal
    bytes. It draws its figures with scripts of its own and loads nothing.

    Args:
        store: the runs.
        path: the file to write; its folder is made.
        title: the page's title.

    Raises:
        ValueError: the store has no readable run.
    """
    records, unreadable = list(store), store.unreadable()
    if not records:
        lost = f" ({len(unreadable)} could not be read)" if unreadable else ""
        raise ValueError(f"there is no run to report on in the store{lost}")
    kept = ((record.key, store.history(record.key)) for record in records)
    histories = {key: history for key, history in kept if history is not None}
    page = _rendered(
        title=title,
        store_name=store.root.name if isinstance(store, DirectoryStore) else "",
        unreadable=[(Path(name).name, reason) for name, reason in unreadable],
        **_contents(records, histories, len(unreadable)),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def figures(
    frame: pd.DataFrame, board: Leaderboard, histories: dict[str, History]
) -> dict[str, alt.LayerChart]:
    """Returns all figures of a report by name, in its order."""
    colors = contender_colors(standing.contender for standing in board.standings)

    def drawn() -> Iterator[tuple[str, alt.LayerChart | None]]:
        yield "overall", overall_scores(board, colors)
        yield "cost", cost_scatter(board, colors)
        for index, card in enumerate(board.tasks):
            curves = learning_curves(frame, histories, card, colors)
            yield f"curves-{index}", curves
            yield f"seeds-{index}", seed_strips(frame, card, colors)

    return {name: chart for name, chart in drawn() if chart is not None}


def _contents(
    records: list[Record], histories: dict[str, History], unreadable: int
) -> dict[str, Any]:
    frame = runs_frame(records)
    board = leaderboard(frame)
    colors = contender_colors(standing.contender for standing in board.standings)
    charts = figures(frame, board, histories)
    return {
        "summary": summary(frame, board, unreadable),
        "board": board,
        "overall": overall_table(board, colors),
        "tasks": task_table(board, colors),
        "troubles": trouble_table(frame),
        "costs": cost_table(frame, colors),
        "facts": facts(records),
        "specs": {name: chart.to_dict() for name, chart in charts.items()},
    }


def _rendered(**context: Any) -> str:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_text("page.html.j2"))
    return template.render(
        style=Markup(_text("page.css")),
        script=Markup(_text("page.js")),
        library=_library(),
        **context,
    )


def _library() -> Markup:
    """The drawing library with all it needs, fit for a script element."""
    text = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return Markup(text.replace("</script", "<\\/script"))


def _text(name: str) -> str:
    return files("nnarena.report").joinpath(name).read_text(encoding="utf-8")
