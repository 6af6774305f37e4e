"""What a score costs, and which contenders no other beats at a lower price."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.core.groupby import DataFrameGroupBy

from .scores import Scores, scores_of


COSTS = {
    "parameters": "parameters",
    "state_size": "numbers carried from step to step",
    "matmul_flops_per_step": "FLOPs of matrix products per training step",
    "program_bytes": "memory of the compiled program",
    "seconds_per_step": "seconds per training step",
}
"""What costs are called, and what they mean.

The process's peak memory is none of them: it holds the compiler's wherever a program
was not in the cache, twice its own and more, so that it says in which order runs went.
"""


@dataclass(frozen=True)
class Price:
    """What a contender reaches and what it takes.

    `overall` is its mean score over tasks, as the leaderboard has it. A cost is the
    mean over tasks of the median over runs; None where the records of some task do not
    hold it.
    """

    contender: str
    overall: float
    costs: dict[str, float | None]


@dataclass(frozen=True)
class CostTable:
    """The contenders with a run on every task, their costs and the Pareto fronts.

    `fronts` holds, for each cost that any contender has, those that no other matches
    at a lower cost or exceeds at the same. `missing` says of which cost whose figure is
    not recorded: such contenders are on no front of it.
    """

    prices: tuple[Price, ...]
    fronts: dict[str, tuple[str, ...]]
    missing: dict[str, tuple[str, ...]]


def pareto_front(scores: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Returns which of `(contenders,)` no other dominates; a missing cost never is.

    One dominates another if it is no worse in score and in cost and better in one.
    """
    better_score = scores[:, None] - scores[None, :]
    lower_cost = costs[None, :] - costs[:, None]
    dominates = (
        (better_score >= 0)
        & (lower_cost >= 0)
        & ((better_score > 0) | (lower_cost > 0))
    )
    return ~dominates.any(axis=0) & ~np.isnan(costs)


def cost_table(frame: pd.DataFrame) -> CostTable:
    """Returns what the contenders of a table of runs (`runs_frame`) reach and take."""
    full = scores_of(frame).complete()
    prices = tuple(_price(frame, full, contender) for contender in full.contenders)
    overall = np.array([price.overall for price in prices])
    fronts, missing = {}, {}
    for name in COSTS:
        column = np.array([price.costs[name] for price in prices], dtype=float)
        lacking = tuple(full.contenders[i] for i in np.flatnonzero(np.isnan(column)))
        if lacking:
            missing[name] = lacking
        if len(lacking) < len(prices):
            front = np.flatnonzero(pareto_front(overall, column))
            ordered = sorted(front, key=lambda place: column[place])
            fronts[name] = tuple(full.contenders[place] for place in ordered)
    return CostTable(prices, fronts, missing)


def _price(frame: pd.DataFrame, full: Scores, contender: str) -> Price:
    own = frame.loc[(frame["contender"] == contender) & frame["counted"].notna()]
    costs = {name: _cost(own.groupby("task"), name) for name in COSTS}
    return Price(contender, float(np.nanmean(full.of(contender), axis=0).mean()), costs)


def _cost(tasks: DataFrameGroupBy, name: str) -> float | None:
    if name not in tasks.obj:
        return None
    value = tasks[name].median().to_numpy(float).mean()
    return None if np.isnan(value) else float(value)
