"""Stores of made-up scores by the thousand, and what the rule of verdicts says of them.

Arrays are `(stores, contenders, runs, tasks)`. `test_verdicts.py` proves on single
stores that what is computed here for thousands at once is what the package says.
"""

from itertools import combinations

import numpy as np

from nnarena.analysis.differences import gaps_between
from nnarena.analysis.frame import FLOOR
from nnarena.analysis.intervals import CONFIDENCE, Ends, moments, weighted_ends
from nnarena.analysis.scores import GAP


BAR = 0.9
"""The score that solves a made-up task."""

SOLVED, UNSOLVED = 0.98, 0.1
"""What runs of an all-or-none task reach, in the middle, that solve it or do not."""

Shape = tuple[int, int, int, int]


def normal(rng: np.random.Generator, shape: Shape, spread: float = 0.1) -> np.ndarray:
    """Returns runs that scatter around one half."""
    return 0.5 + spread * rng.normal(size=shape)


def bimodal(
    rng: np.random.Generator, shape: Shape, share: float | np.ndarray
) -> np.ndarray:
    """Returns runs of which a share solves the task."""
    solved = rng.random(shape) < share
    high, low = SOLVED + 0.01 * rng.normal(size=shape), 0.05 * rng.normal(size=shape)
    return np.where(solved, high, UNSOLVED + low)


def mixed(
    rng: np.random.Generator, shape: Shape, share: float | np.ndarray
) -> np.ndarray:
    """Returns every other task all-or-none, the first among them."""
    return np.where(
        np.arange(shape[-1]) % 2 == 0, bimodal(rng, shape, share), normal(rng, shape)
    )


def all_rare(
    rng: np.random.Generator,
    shape: Shape,
    chance: float,
    *,
    level: float = 0.95,
    end: float = 0.0,
    noise: float = 0.02,
) -> np.ndarray:
    """Returns runs around a level, of which some end elsewhere now and then."""
    ends = np.where(rng.random(shape) < chance, end, float(level))
    return ends + noise * rng.normal(size=shape)


def steady_and_rare(
    rng: np.random.Generator,
    shape: Shape,
    chance: float,
    *,
    level: float = 0.95,
    end: float = 0.0,
    noise: float = 0.02,
) -> np.ndarray:
    """Returns contenders of one mean: half steady, half with ends elsewhere."""
    values = all_rare(rng, shape, chance, level=level, end=end, noise=noise)
    steady = shape[1] // 2
    mean = level + chance * (end - level)
    values[:, :steady] = mean + noise * rng.normal(size=values[:, :steady].shape)
    return values


def bad_and_good(rng: np.random.Generator, shape: Shape, chance: float) -> np.ndarray:
    """Returns one mean, half of the contenders with rare bad ends, half with good."""
    half = (shape[0], shape[1] // 2, *shape[2:])
    mean = 0.9 * (1 - chance)
    low = (mean - chance) / (1 - chance)
    bad = all_rare(rng, half, chance, level=0.9)
    good = all_rare(rng, half, chance, level=low, end=1.0)
    return np.concatenate([bad, good], axis=1)


def split_of(values: np.ndarray, bar: float = BAR) -> np.ndarray:
    """Returns which tasks are all-or-none: `(stores, tasks)`."""
    solved = values >= bar
    worst = np.where(solved, values, np.inf).min(axis=2)
    best = np.where(solved, -np.inf, values).max(axis=2)
    both = solved.any(axis=2) & ~solved.all(axis=2)
    gap = np.where(both, worst - np.where(both, best, 0), 0)
    return np.any(gap >= GAP, axis=1)


def pair_ends(values: np.ndarray, least: float = FLOOR) -> Ends:
    """Returns the intervals of all pairs of contenders: `(stores, pairs)`."""
    stores, contenders, _, tasks = values.shape
    pairs = np.array(list(combinations(range(contenders), 2)))
    cells = moments(values)
    wide = (stores, len(pairs), 2 * tasks)
    both = type(cells)(*(part[:, pairs].reshape(wide) for part in cells))
    signed = np.broadcast_to(np.repeat([1 / tasks, -1 / tasks], tasks), wide)
    confidence = 1 - (1 - CONFIDENCE) / len(pairs)
    found = gaps_between(both, signed, least=least, confidence=confidence)
    return found.ends


def beats(values: np.ndarray, least: float = FLOOR) -> np.ndarray:
    """Returns +1, -1 or 0 where the first of each pair beats, is beaten, or neither."""
    low, high = pair_ends(values, least)
    return (low > 0).astype(int) - (high < 0).astype(int)


def overall_ends(values: np.ndarray, bar: float = BAR, worst: float = 0.0) -> Ends:
    """Returns the intervals of overall scores: `(stores, contenders)`."""
    cells = moments(values)
    weights = np.full_like(cells.means, 1 / values.shape[-1])
    split = np.broadcast_to(split_of(values, bar)[:, None, :], weights.shape)
    return weighted_ends(cells, weights, split, worst=worst)
