"""Contenders ranked on every task: what a critical-difference diagram shows.

Input is a matrix `(contenders, tasks)` of scores, higher being better and none missing;
rank 1 is the best, equal scores share the mean of their ranks. Demsar 2006,
"Statistical comparisons of classifiers over multiple data sets"; groups by Wilcoxon's
test with Holm's procedure as Benavoli, Corani and Mangili 2016 advise, since the
Nemenyi test lets a third contender decide about two.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from .pairs import LEVEL, holm
from .scores import Scores


@dataclass(frozen=True)
class RankTable:
    """Contenders in order of their average rank, and which cannot be told apart.

    `p_values[i][j]` are Wilcoxon's, Holm-adjusted over all pairs, 1 on the diagonal.
    `cliques` are all largest groups in which no two differ, by name, each in the order
    of ranks: the bars of the diagram. A group need not be of neighbors. `friedman` is
    the p-value of the test that all are alike, None for fewer than three contenders;
    where it does not reject, all are one clique. `left_out` have no run on some task.
    `note` says what the design could not show.
    """

    contenders: tuple[str, ...]
    tasks: tuple[str, ...]
    average_ranks: tuple[float, ...]
    friedman: float | None
    p_values: tuple[tuple[float, ...], ...]
    cliques: tuple[tuple[str, ...], ...]
    critical_difference: float
    left_out: tuple[str, ...]
    note: str | None


def task_ranks(means: np.ndarray) -> np.ndarray:
    """Returns the ranks on each task: `(contenders, tasks)`, the highest score 1.

    Scores that differ by less than 1e-12 are equal: such is the error of rounding.
    """
    return stats.rankdata(-np.round(means, 12), axis=0)


def friedman(means: np.ndarray) -> float:
    """Returns the p-value of Friedman's test that all contenders are alike.

    Raises:
        ValueError: there are fewer than three contenders.
    """
    if len(means) < 3:
        raise ValueError("Friedman's test needs three contenders")
    if np.ptp(np.round(means, 12), axis=0).max() == 0:
        return 1.0
    return float(stats.friedmanchisquare(*np.round(means, 12))[1])


def wilcoxon_holm(means: np.ndarray) -> np.ndarray:
    """Returns p-values of all pairs `(contenders, contenders)`, Holm-adjusted.

    Wilcoxon's signed-rank test over tasks, exact with ties too; tasks on which
    both are equal are ranked and then dropped (Pratt 1959). The diagonal is 1.
    """
    rows = list(combinations(range(len(means)), 2))
    p = holm([_wilcoxon(means[i] - means[j]) for i, j in rows])
    matrix = np.eye(len(means))
    for (i, j), value in zip(rows, p, strict=True):
        matrix[i, j] = matrix[j, i] = value
    return matrix


def least_tasks(contenders: int, level: float = LEVEL) -> int:
    """Returns how many tasks Wilcoxon and Holm need to tell any two apart."""
    pairs = math.comb(contenders, 2)
    tasks = 1
    while 2.0 ** (1 - tasks) * max(pairs, 1) >= level:
        tasks += 1
    return tasks


def nemenyi_difference(contenders: int, tasks: int, level: float = LEVEL) -> float:
    """Returns the difference of average ranks that Nemenyi's test calls critical."""
    studentized = stats.studentized_range.ppf(1 - level, contenders, np.inf)
    spread = math.sqrt(contenders * (contenders + 1) / (6 * tasks))
    return float(studentized / math.sqrt(2) * spread)


def cliques(different: np.ndarray) -> list[tuple[int, ...]]:
    """Returns all largest groups of places of which no two are different.

    They are the maximal cliques of the graph of what does not differ, found by
    branching on a pivot (Bron and Kerbosch 1973; Tomita et al. 2006).

    Args:
        different: `(contenders, contenders)` of truth, symmetric.

    Returns:
        groups of two or more places, each rising; none is inside another.
    """
    alike = [
        {other for other in range(len(row)) if other != place and not row[other]}
        for place, row in enumerate(np.asarray(different, dtype=bool).tolist())
    ]
    found: list[tuple[int, ...]] = []

    def grow(group: tuple[int, ...], able: set[int], tried: set[int]) -> None:
        if not able and not tried and len(group) > 1:
            found.append(tuple(sorted(group)))
        if not able:
            return
        pivot = max(able | tried, key=lambda place: len(alike[place] & able))
        for place in sorted(able - alike[pivot]):
            near = alike[place]
            grow((*group, place), able & near, tried & near)
            able, tried = able - {place}, tried | {place}

    grow((), set(range(len(alike))), set())
    return sorted(found)


def rank_table(scores: Scores, *, level: float = LEVEL) -> RankTable | None:
    """Returns the ranking of the contenders that have a run on every task.

    Tasks that differ in their length alone count as one, by the mean of their scores.
    None where there are fewer than two such contenders or fewer than two tasks.
    """
    full = scores.complete()
    kinds = full.kinds
    if len(full.contenders) < 2 or len(kinds) < 2:
        return None
    means = np.stack(
        [full.means[:, places].mean(axis=1) for places in kinds.values()], axis=1
    )
    average = task_ranks(means).mean(axis=1)
    order = np.argsort(average, kind="stable")
    names = tuple(full.contenders[place] for place in order)
    p = wilcoxon_holm(means[order])
    alike = friedman(means) if len(names) > 2 else None
    different = p < level
    if alike is not None and alike >= level:
        different = np.zeros_like(different)
    return RankTable(
        contenders=names,
        tasks=tuple(
            full.tasks[places[0]] if len(places) == 1 else name
            for name, places in kinds.items()
        ),
        average_ranks=tuple(average[order].tolist()),
        friedman=alike,
        p_values=tuple(tuple(row) for row in p.tolist()),
        cliques=tuple(
            tuple(names[place] for place in group) for group in cliques(different)
        ),
        critical_difference=nemenyi_difference(len(names), len(kinds), level),
        left_out=tuple(c for c in scores.contenders if c not in names),
        note=_note(names, len(kinds), level),
    )


def _note(names: Sequence[str], tasks: int, level: float) -> str | None:
    needed = least_tasks(len(names), level)
    if tasks >= needed:
        return None
    return (
        f"Ranks over {tasks} tasks cannot tell any two of {len(names)} contenders "
        "apart, however they come out: they keep who is ahead on a task, not by how "
        f"much nor how surely, and so few orders come about by chance. That takes "
        f"{needed} tasks, of which several lengths of one are one."
    )


def _wilcoxon(gaps: np.ndarray) -> float:
    """The exact two-sided p-value, of all signs that the ranks could have.

    The sums of ranks are counted by adding one task after the other, where scipy goes
    through every choice of signs as soon as two gaps tie: seconds for twelve tasks.
    """
    gaps = np.round(gaps, 12)
    ranks = stats.rankdata(np.abs(gaps))
    # Ranks of ties are halves: doubled, all are whole.
    doubled = np.rint(2 * ranks[gaps != 0]).astype(int)
    chances = np.zeros(doubled.sum() + 1)
    chances[0] = 1.0
    for rank in doubled:
        taken = np.concatenate([np.zeros(rank), chances[: chances.size - rank]])
        chances = (chances + taken) / 2
    won = np.rint(2 * ranks[gaps > 0].sum()).astype(int)
    return float(min(1.0, 2 * min(chances[: won + 1].sum(), chances[won:].sum())))
