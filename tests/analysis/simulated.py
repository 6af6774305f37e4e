"""Stores of made-up scores by the thousand, and what the rule of verdicts says of them.

Arrays are `(stores, contenders, runs, tasks)`. `test_verdicts.py` proves on single
stores that what is computed here for thousands at once is what the package says.
"""

from itertools import combinations

import numpy as np

from nnarena.analysis.intervals import (
    CONFIDENCE,
    Ends,
    moments,
    unseen_share,
    unseen_variance,
    weighted_ends,
    widest,
)
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


def steady_and_rare(
    rng: np.random.Generator,
    shape: Shape,
    chance: float,
    *,
    span: float = 1.0,
    mean: float = 0.5,
    noise: float = 0.02,
) -> np.ndarray:
    """Returns contenders of one mean, half of them steady, half with rare bad ends.

    A run of these ends badly with a chance, a span below the others.
    """
    steady = np.arange(shape[1])[:, None, None] < shape[1] // 2
    ends = span * (chance - (rng.random(shape) < chance))
    return mean + np.where(steady, 0.0, ends) + noise * rng.normal(size=shape)


def all_rare(
    rng: np.random.Generator, shape: Shape, chance: float, *, span: float = 1.0
) -> np.ndarray:
    """Returns contenders that all have the same rare bad ends."""
    ends = span * (chance - (rng.random(shape) < chance))
    return 0.5 + ends + 0.02 * rng.normal(size=shape)


def bad_and_good(rng: np.random.Generator, shape: Shape, chance: float) -> np.ndarray:
    """Returns one mean, half of the contenders with rare bad ends, half with good."""
    half = (shape[0], shape[1] // 2, *shape[2:])
    return np.concatenate(
        [all_rare(rng, half, chance), 1 - all_rare(rng, half, chance)], axis=1
    )


def split_of(values: np.ndarray, bar: float = BAR) -> np.ndarray:
    """Returns which tasks are all-or-none: `(stores, tasks)`."""
    solved = values >= bar
    worst = np.where(solved, values, np.inf).min(axis=2)
    best = np.where(solved, -np.inf, values).max(axis=2)
    both = solved.any(axis=2) & ~solved.all(axis=2)
    gap = np.where(both, worst - np.where(both, best, 0), 0)
    return np.any(gap >= GAP, axis=1)


def pair_ends(values: np.ndarray, bar: float = BAR) -> Ends:
    """Returns the intervals of all pairs of contenders: `(stores, pairs)`."""
    stores, contenders, runs, tasks = values.shape
    pairs = np.array(list(combinations(range(contenders), 2)))
    cells = moments(values)
    wide = (stores, len(pairs), 2 * tasks)
    both = type(cells)(*(part[:, pairs].reshape(wide) for part in cells))
    weights = np.broadcast_to(np.repeat([1 / tasks, -1 / tasks], tasks), wide)
    split = np.tile(split_of(values, bar), 2)[:, None, :]
    confidence = 1 - (1 - CONFIDENCE) / len(pairs)
    split, variance = np.broadcast_to(split, wide), unseen_variance(both.counts)
    gaps, unseen = (
        (weights * both.means).sum(axis=-1),
        unseen_share(runs * tasks, confidence),
    )
    return widest(
        weighted_ends(both, weights, split, confidence=confidence),
        weighted_ends(both, weights, split, confidence=confidence, added=variance),
        Ends(gaps - unseen, gaps + unseen),
    )


def beats(values: np.ndarray, bar: float = BAR) -> np.ndarray:
    """Returns +1, -1 or 0 where the first of each pair beats, is beaten, or neither."""
    low, high = pair_ends(values, bar)
    return (low > 0).astype(int) - (high < 0).astype(int)


def overall_ends(values: np.ndarray, bar: float = BAR) -> Ends:
    """Returns the intervals of overall scores: `(stores, contenders)`."""
    cells = moments(values)
    weights = np.full_like(cells.means, 1 / values.shape[-1])
    split = np.broadcast_to(split_of(values, bar)[:, None, :], weights.shape)
    return weighted_ends(cells, weights, split)
