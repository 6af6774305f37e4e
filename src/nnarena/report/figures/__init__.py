"""Figures: data and a Vega-Lite specification, drawn in a page or saved for a paper.

A contender has one look in all of them. Figures that a page shows are as wide as their
place; `Figure.spec(width=400)` stands alone.
"""

from collections.abc import Iterator, Mapping

from ...runs.record import History
from ..findings import Findings
from .costs import cost_scatters
from .figure import Figure, slugs
from .learning import learning_curves
from .lengths import length_figures
from .marks import Look, contender_looks
from .profiles import performance_profiles
from .ranks import rank_diagram
from .scores import heat_map, overall_scores
from .seeds import seed_strips


__all__ = ["Figure", "Look", "all_figures", "contender_looks"]


def all_figures(
    findings: Findings, histories: Mapping[str, History]
) -> dict[str, Figure]:
    """Returns all figures of a report by name, in its order.

    Args:
        findings: what the statistics of the runs came to.
        histories: histories of the runs by key; figures do without what is missing.
    """
    board, frame = findings.board, findings.frame
    order = [standing.contender for standing in board.standings]
    looks = contender_looks(order)

    tasks = dict(zip(board.tasks, slugs([c.task for c in board.tasks]), strict=True))

    def drawn() -> Iterator[Figure | None]:
        yield overall_scores(board, looks)
        yield rank_diagram(findings.ranks, looks)
        yield performance_profiles(findings.scores, looks)
        yield heat_map(board)
        for card, name in tasks.items():
            yield seed_strips(frame, card, looks, f"seeds-{name}", order)
        for card, name in tasks.items():
            yield learning_curves(frame, histories, card, looks, f"curves-{name}")
        curves = (*findings.lengths, *findings.asked.curves)
        yield from length_figures(curves, looks)
        yield from cost_scatters(board, findings.costs, looks)

    return {figure.name: figure for figure in drawn() if figure is not None}
