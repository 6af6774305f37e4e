"""Resolving power: the smallest difference that a design could have detected.

A benchmark that finds no difference has said nothing until it says how large a
difference it would have missed.
"""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.random import Generator
from scipy import optimize, stats

from .differences import FEW_SEEDS, gaps_between
from .intervals import Moments, moments
from .pairs import LEVEL, seeds_needed, smallest_p, superiority_test
from .scores import Scores
from .words import plural


POWER = 0.8
"""A difference counts as detectable when it is found four times in five."""

VERDICT_DRAWS = 1_000
"""Simulated pairs of contenders, at each difference that is tried."""


@dataclass(frozen=True)
class Resolution:
    """What a design of so many contenders, tasks and seeds can tell apart.

    `spread` is the standard deviation between seeds, pooled over contenders and
    tasks. Differences are of normalized scores (0 blind, 1 perfect), found with `power`
    at level 0.05, of two contenders whose runs scatter by `spread`: `overall` of one
    pair's mean over tasks, chosen beforehand; `overall_any_pair` of any of the pairs,
    as the verdict is (`differences.py`), both where on the scale it takes the least;
    `one_task` of any of the pairs on any of the tasks, as "better on" is (`pairs.py`).
    None where no difference, however large, could be
    found.
    """

    contenders: int
    tasks: int
    seeds: int
    spread: float
    overall: float | None
    overall_any_pair: float | None
    one_task: float | None
    sentence: str
    power: float = POWER


def pooled_spread(scores: Scores) -> float | None:
    """Returns the standard deviation between seeds, over all contenders and tasks.

    None where no contender has two runs on a task.
    """
    counts = scores.counts
    freedom = np.maximum(counts - 1, 0).sum()
    if freedom == 0:
        return None
    gaps = scores.values - scores.means[:, None, :]
    return math.sqrt(np.nansum(gaps**2) / freedom)


def detectable_shift(freedom: float, *, level: float, power: float = POWER) -> float:
    """Returns how many standard errors a difference takes for a t test to find it.

    Args:
        freedom: the degrees of freedom of the standard error.
        level: the chance of a false alarm, two-sided.
        power: the chance to find it.
    """
    limit = float(stats.t.ppf(1 - level / 2, freedom))

    def short(shift: float) -> float:
        return _power(shift, limit, freedom) - power

    return float(optimize.root_scalar(short, bracket=(0.0, 10 * limit + 10)).root)


def superiority_difference(
    spread: float,
    runs: int,
    rng: Generator,
    *,
    level: float = LEVEL,
    power: float = POWER,
    draws: int = 4_000,
) -> float | None:
    """Returns the least true difference on a task that reads "better on".

    By simulation: normal scores of one spread, shifted until the share of draws in
    which `pairs.superiority_test` gives less than the level reaches the power; the same
    draws at every shift. None where even the least p of so many runs is above it.
    """
    if runs < 2 or smallest_p(runs, runs) >= level:
        return None
    first, second = rng.normal(size=(2, draws, runs))
    enough = _critical_wins(runs, level)

    def short(shift: float) -> float:
        wins = (first[:, :, None] + shift > second[:, None, :]).sum(axis=(1, 2))
        return float(np.mean((wins >= enough) | (wins <= runs**2 - enough))) - power

    found = optimize.root_scalar(short, bracket=(0.0, 20.0), method="bisect", xtol=1e-3)
    return spread * float(found.root)


def resolution(scores: Scores, rng: Generator) -> Resolution | None:
    """Returns what the design of a store can tell apart, with the sentence for it.

    Contenders are those with runs of every task, as verdicts are of them alone; seeds
    are the fewest of any of them on any task. None where nothing can be said: there are
    not two, all runs of a cell are equal everywhere, or only some pairs have the seeds
    that a verdict takes.
    """
    spread, there = pooled_spread(scores), scores.counts
    fewest = sorted(scores.complete().counts.min(axis=1).tolist())
    if not spread or len(fewest) < 2:
        return None
    shared = [(np.minimum(*pair) > 0).sum() for pair in combinations(there, 2)]
    pairs, tests = sum(own > 0 for own in shared), int(sum(shared))
    contenders, tasks, seeds = len(fewest), len(scores.tasks), fewest[0]
    if seeds < FEW_SEEDS <= fewest[-2]:  # the pair that has the most
        return None
    over_tasks = {
        number: _verdict_difference(scores, spread, seeds, tasks, LEVEL / number, rng)
        for number in (1, pairs)
    }
    one_task = superiority_difference(spread, seeds, rng, level=LEVEL / tests)
    return Resolution(
        contenders=contenders,
        tasks=tasks,
        seeds=seeds,
        spread=spread,
        overall=over_tasks[1],
        overall_any_pair=over_tasks[pairs],
        one_task=one_task,
        sentence=_sentence(
            (contenders, tasks, tests), seeds, over_tasks[pairs], one_task
        )
        + SPLIT * bool(scores.split.any()),
    )


SPLIT = (
    " Runs are taken to scatter around one level: on tasks that some runs solve and "
    "others do not it takes a larger one."
)


def _sentence(
    shape: tuple[int, ...], seeds: int, overall: float | None, one_task: float | None
) -> str:
    contenders, tasks, tests = shape
    design = (
        f"With {contenders} contenders, {plural(tasks, 'task')} and "
        f"{plural(seeds, 'seed')} "
    )
    if overall is None:
        few = seeds < FEW_SEEDS
        needed = FEW_SEEDS if few else "more"
        where = "" if few else ", where runs scatter as these do on average"
        return (
            f"{design}no difference, however large, can be told from chance{where}: "
            f"that takes {needed} seeds."
        )
    start = (
        f"{design}the smallest difference this design could detect (four times in "
        f"five, at level {LEVEL} over all pairs, where runs scatter as these do on "
        f"average) is {overall:.2g} in the overall score around the middle of the "
        "scale, and more near its ends"
    )
    if tasks == 1:
        return f"{start}, of 1 from blind to perfect."
    if one_task is not None:
        return f"{start}, and {one_task:.2g} on one task, of 1 from blind to perfect."
    needed = seeds_needed(tests)
    return (
        f"{start}, of 1 from blind to perfect; on one task alone, for all pairs and "
        f"tasks at once, none, however large: that takes {needed} seeds."
    )


def _verdict_difference(
    scores: Scores,
    spread: float,
    seeds: int,
    tasks: int,
    level: float,
    rng: Generator,
) -> float | None:
    """The least difference that reads "beats" (`differences.py`).

    By simulation: normal scores of one spread, of two contenders on either side of the
    middle of the scale, moved apart until the share of draws in which one beats the
    other reaches the power; the same draws at every gap. None where none does that
    scores can have. It takes the least in the middle: ends that may not have come yet
    are then as far from one contender as from the other.
    """
    if seeds < FEW_SEEDS:
        return None
    least = float(scores.least.mean())
    middle = (1 + least) / 2
    drawn = middle + spread * rng.normal(size=(VERDICT_DRAWS, 2, seeds, tasks))
    signed = np.repeat([1 / tasks, -1 / tasks], tasks)
    signed = np.broadcast_to(signed, (VERDICT_DRAWS, 2 * tasks))
    sides = np.array([0.5, -0.5])[:, None, None]

    def short(gap: float) -> float:
        cells = moments(drawn + gap * sides)
        both = Moments(*(part.reshape(signed.shape) for part in cells))
        found = gaps_between(both, signed, least=least, confidence=1 - level)
        return float(np.mean(found.ends.low > 0)) - POWER

    most = 1 - least
    if short(most) < 0:
        return None
    bracket = (0.0, most)
    found = optimize.root_scalar(short, bracket=bracket, method="bisect", xtol=2e-4)
    return float(found.root)


def _power(shift: float, limit: float, freedom: float) -> float:
    """How often a shifted t statistic exceeds its limit.

    The noncentral t distribution, as the mean of a normal one over the quantiles of
    the estimated spread: scipy's own loses its digits for large shifts.
    """
    levels = (np.arange(2_000) + 0.5) / 2_000
    bars = limit * np.sqrt(stats.chi2.ppf(levels, freedom) / freedom)
    return float(np.mean(stats.norm.sf(bars - shift) + stats.norm.cdf(-bars - shift)))


def _critical_wins(runs: int, level: float) -> int:
    """The fewest won pairs of runs whose p-value is below the level."""
    most = runs * runs
    levels = (superiority_test(won / most, runs, runs) for won in range(most + 1))
    return next(won for won, p in enumerate(levels) if 2 * won > most and p < level)
