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

from .intervals import unseen_shift, unseen_variance
from .pairs import FEW_SEEDS, LEVEL, seeds_needed, smallest_p, superiority_test
from .scores import Scores
from .words import plural


POWER = 0.8
"""A difference counts as detectable when it is found four times in five."""


@dataclass(frozen=True)
class Resolution:
    """What a design of so many contenders, tasks and seeds can tell apart.

    `spread` is the standard deviation between seeds, pooled over contenders and
    tasks. Differences are of normalized scores (0 blind, 1 perfect), found with `power`
    at level 0.05: `overall` of one pair's mean over tasks, chosen beforehand;
    `overall_any_pair` of any of the pairs, as the verdict is (`differences.py`), of two
    in the middle of the contenders; `one_task` of any of the pairs on any of the tasks,
    as "better on" is (`pairs.py`). None where no difference, however large, could be
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


def mean_difference(
    spread: float,
    runs: int,
    *,
    tasks: int = 1,
    level: float = LEVEL,
    power: float = POWER,
    reach: float = 0.0,
    added: float = 0.0,
) -> float | None:
    """Returns the least true difference of two means over tasks that a t test finds.

    Solved from the noncentral t distribution for two groups of `runs` runs of normal
    scores on each of `tasks` tasks, of one spread; two-sided. None for fewer than two
    runs, which have no spread.

    Args:
        spread: standard deviation between seeds.
        runs: how many runs of each contender on each task.
        tasks: how many tasks the mean is over.
        level: the chance of a false alarm.
        power: the chance to find it.
        reach: what the difference of the runs has to exceed besides.
        added: variance that the test adds to that of each mean over runs.
    """
    freedom = 2 * tasks * (runs - 1)
    if freedom < 1:
        return None
    error = spread * math.sqrt(2 / (runs * tasks))
    shift = detectable_shift(
        float(freedom),
        level=level,
        power=power,
        least=reach / error,
        added=2 * added / tasks / error**2,
    )
    return error * shift


def detectable_shift(
    freedom: float,
    *,
    level: float,
    power: float = POWER,
    least: float = 0.0,
    added: float = 0.0,
) -> float:
    """Returns how many standard errors a difference takes for a t test to find it.

    Args:
        freedom: the degrees of freedom of the standard error.
        level: the chance of a false alarm, two-sided.
        power: the chance to find it.
        least: standard errors that what is found has to exceed besides.
        added: variance that the test adds to the estimated one, as a share of the true.
    """
    limit = float(stats.t.ppf(1 - level / 2, freedom))

    def short(shift: float) -> float:
        return _power(shift, limit, freedom, least, added) - power

    top = 10 * limit * math.sqrt(1 + added) + 10 + least
    return float(optimize.root_scalar(short, bracket=(0.0, top)).root)


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

    Seeds are the fewest of any contender on any task that it has, tasks the fewest that
    two contenders share. None where nothing can be said: no pair has a task in common,
    all runs of a cell are equal everywhere, or only some pairs have the seeds that a
    verdict takes.
    """
    spread, there = pooled_spread(scores), scores.counts
    shared = [
        np.minimum(*pair)[np.minimum(*pair) > 0] for pair in combinations(there, 2)
    ]
    fewest = [int(own.min()) for own in shared if own.size]
    if not (spread and fewest):
        return None
    seeds, pairs = min(fewest), len(fewest)
    tests = sum(own.size for own in shared)
    if seeds < FEW_SEEDS <= max(fewest):
        return None
    contenders, tasks = len(there), min(own.size for own in shared if own.size)
    over_tasks = {
        number: _verdict_difference(scores, spread, seeds, tasks, LEVEL / number)
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
        return (
            f"{design}no difference, however large, can be told from chance: that "
            f"takes {FEW_SEEDS} seeds."
        )
    start = (
        f"{design}the smallest difference this design could detect (four times in "
        f"five, at level {LEVEL} over all pairs) is {overall:.2g} in the overall score"
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
    scores: Scores, spread: float, seeds: int, tasks: int, level: float
) -> float | None:
    """The least difference that reads "beats" (`differences.py`).

    Of two contenders on either side of the middle of all that the store has, equally
    far from it. The wider they are apart, the further may the higher one fall and the
    lower one rise, so that the difference is approached from below.
    """
    if seeds < FEW_SEEDS:
        return None
    middle, least = float(np.nanmean(scores.means)), float(scores.least.mean())
    runs, gap, moved = np.full(2 * tasks, float(seeds)), 0.0, math.inf
    while moved > 1e-3:
        fall, rise = middle + gap / 2 - least, 1 - middle + gap / 2
        far = np.maximum(np.repeat([fall, rise], tasks), 0.0)
        found = mean_difference(
            spread,
            seeds,
            tasks=tasks,
            level=level,
            reach=float(unseen_shift(far / tasks, runs, 1 - level)),
            added=float(np.mean(far**2) * unseen_variance(seeds)),
        )
        assert found is not None  # of two seeds and more
        gap, moved = found, abs(found - gap)
    return gap


def _power(
    shift: float, limit: float, freedom: float, least: float, added: float
) -> float:
    """How often a shifted t statistic exceeds its limit, and its difference the least.

    The noncentral t distribution, as the mean of a normal one over the quantiles of
    the estimated spread: scipy's own loses its digits for large shifts.
    """
    levels = (np.arange(2_000) + 0.5) / 2_000
    spreads = np.sqrt(stats.chi2.ppf(levels, freedom) / freedom + added)
    bars = np.maximum(limit * spreads, least)
    return float(np.mean(stats.norm.sf(bars - shift) + stats.norm.cdf(-bars - shift)))


def _critical_wins(runs: int, level: float) -> int:
    """The fewest won pairs of runs whose p-value is below the level."""
    most = runs * runs
    levels = (superiority_test(won / most, runs, runs) for won in range(most + 1))
    return next(won for won, p in enumerate(levels) if 2 * won > most and p < level)
