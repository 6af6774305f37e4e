"""Figures: data and a Vega-Lite specification, drawn in a page or saved for a paper.

A contender has one look in all of them. Figures that a page shows are as wide as their
place; `Figure.spec(width=400)` stands alone.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from ...analysis.standing import Leaderboard
from ...runs.record import History
from .costs import cost_scatters
from .figure import Figure
from .learning import learning_curves
from .marks import Look, contender_looks
from .scores import heat_map, overall_scores
from .seeds import seed_strips


__all__ = ["Figure", "Look", "all_figures", "contender_looks"]


def all_figures(
    frame: pd.DataFrame, board: Leaderboard, histories: Mapping[str, History]
) -> dict[str, Figure]:
    """Returns all figures of a report by name, in its order.

    Args:
        frame: one row per run, from `runs_frame`.
        board: the standings of the same runs.
        histories: histories of the runs by key; figures do without what is missing.
    """
    order = [standing.contender for standing in board.standings]
    looks = contender_looks(order)

    def drawn() -> Iterator[Figure | None]:
        yield overall_scores(board, looks)
        yield heat_map(board)
        for index, card in enumerate(board.tasks):
            yield seed_strips(frame, card, looks, f"seeds-{index}", order)
        for index, card in enumerate(board.tasks):
            yield learning_curves(frame, histories, card, looks, f"curves-{index}")
        yield from cost_scatters(board, looks)

    return {figure.name: figure for figure in drawn() if figure is not None}
