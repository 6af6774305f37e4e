"""What the statistics of a store came to: all that a page or an export shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ..analysis.costs import CostTable, cost_table
from ..analysis.evaluations import Evaluated, evaluated
from ..analysis.frame import runs_frame
from ..analysis.leaderboard import leaderboard
from ..analysis.length import LengthCurve
from ..analysis.ranks import RankTable, rank_table
from ..analysis.refused import refused_pairs
from ..analysis.scores import Scores, scores_of
from ..analysis.standing import Leaderboard
from ..runs.evaluations import Evaluation
from ..runs.plans import Refusal
from ..runs.record import History, Record
from ..runs.store import AbstractStore


SEED = 0
"""Decides the draws of simulations: equal stores give equal pages."""


@dataclass(frozen=True)
class Findings:
    """The runs as a table, and what each part of the analysis says of them."""

    frame: pd.DataFrame
    board: Leaderboard
    scores: Scores
    ranks: RankTable | None
    costs: CostTable
    lengths: tuple[LengthCurve, ...]
    asked: Evaluated


def findings_of(
    records: Sequence[Record],
    histories: Mapping[str, History],
    refusals: Sequence[Refusal] = (),
    evaluations: Sequence[Evaluation] = (),
) -> Findings:
    """Returns the statistics of runs; the same runs give the same ones.

    `refusals` are the pairs that were asked for and cannot be run, `evaluations` what
    trained models answered to other tasks.

    Raises:
        ValueError: there are no runs.
    """
    frame = runs_frame(records, histories.get)
    scores, board = scores_of(frame), leaderboard(frame, seed=SEED)
    return Findings(
        frame=frame,
        board=replace(board, refused=refused_pairs(records, refusals)),
        scores=scores,
        ranks=rank_table(scores),
        costs=cost_table(frame),
        lengths=board.lengths,
        asked=evaluated(records, evaluations),
    )


def read_store(store: AbstractStore) -> tuple[list[Record], dict[str, History]]:
    """Returns the records of a store, and the histories that it keeps, by key.

    Raises:
        ValueError: the store has no readable run.
    """
    records = list(store)
    if not records:
        count = len(store.unreadable())
        lost = f" ({count} could not be read)" if count else ""
        raise ValueError(f"there is no run to report on in the store{lost}")
    return records, store.histories(record.key for record in records)
