"""Snakes of dashes that keep off each other, grown in many images at once.

Most attempts at an image fail, as a dash finds no room. So each lane of a block is an
attempt at its own dash; one that fails begins anew, and one that is done is taken out
and begins another. All successes take equally many rounds, so that which of them come
first says nothing of what they hold.

The rules are those of Kim et al. (2020), `snakes.py` and `snakes2.py`, but for three. A
dash keeps off the last one of the other long snake, and the first of the second snake
off the first of the other. A dash is laid from the very pixel that was found free for
it, not from the one right below. A short snake begins at the first of `PLACES` random
pixels that is free, and in any direction.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Int16, UInt8

from .pathfinder_dashes import DEGREES
from .pathfinder_ground import Ground, paint


DRAWS = 3
"""A dash is drawn so many times before its snake has failed."""

ATTEMPTS = 5
"""A short snake is begun so many times before it is left out."""

PLACES = 32
"""So many places are looked at for one in which a short snake can begin."""

TOUCH = 459
"""Two dashes collide where their shares of a pixel add up to 1.8, of 255 each."""

FREE = 76
"""A short snake begins where at most 0.3 of a pixel is taken."""

LANES = 512

Dash = Int[np.ndarray, "rows 3"]
"""Row and column of a dash's anchor, and its number among `Dashes`."""


class Snakes(NamedTuple):
    """The dashes of images; those of a short snake without room have number -1."""

    long: Int16[np.ndarray, "images 2 dashes 3"]
    short: Int16[np.ndarray, "images snakes dashes 3"]


def grow(
    ground: Ground, count: int, *, contour: int, rng: np.random.Generator
) -> Snakes:
    """Returns the snakes of so many images.

    Args:
        ground: the ground of a level at a margin.
        count: how many images.
        contour: the dashes of a long snake; a short one has a third of them.
        rng: where all choices come from.
    """
    long, taken = _grow_long(ground, count, contour, rng)
    length = contour // 3
    return Snakes(long, _grow_short(ground, taken, length, rng))


def _grow_long(
    ground: Ground, count: int, contour: int, rng: np.random.Generator
) -> tuple[Int16[np.ndarray, "images 2 dashes 3"], UInt8[np.ndarray, "images pixels"]]:
    """Returns two long snakes of each image, and the masks of what they take.

    Each of the two has a mask of what it has to keep off: all dashes but its own last.
    """
    lanes = np.arange(LANES)
    masks = np.tile(ground.empty, (LANES, 2, 1))
    flat = masks.reshape(-1)
    told = np.zeros((LANES, 2, contour, 3), np.int16)
    age = np.zeros(LANES, np.int64)
    done, taken, found = [], [], 0
    while found < count:
        new = lanes[age == 0]
        masks[new] = ground.empty
        told[new, :, 0], good = _begin_long(ground, flat, new, rng)
        old = lanes[age > 0]
        snake, place = age[old] % 2, age[old] // 2
        last = told[old, snake, place - 1].astype(np.int64)
        own, other = 2 * old + snake, 2 * old + 1 - snake
        dash, grown = _extend(ground, flat, own, last, rng)
        told[old, snake, place] = dash
        _keep(ground, flat, own[grown], last[grown])
        _keep(ground, flat, other[grown], dash[grown])
        age[new] = np.where(good, 2, 0)
        age[old] = np.where(grown, age[old] + 1, 0)
        full = lanes[age == 2 * contour]
        done.append(told[full])
        taken.append(masks[full].max(axis=1))
        age[full] = 0
        found += len(full)
    return np.concatenate(done)[:count], np.concatenate(taken)[:count]


def _begin_long(
    ground: Ground, flat: np.ndarray, lanes: np.ndarray, rng: np.random.Generator
) -> tuple[Int[np.ndarray, "rows 2 3"], Bool[np.ndarray, " rows"]]:
    """Returns the first dashes of two long snakes, and whether they could be laid.

    The first begins where it is twice the distance of the seeds from all edges, the
    second in a random direction at that distance.
    """
    level = ground.level
    u = rng.random((len(lanes), 5))
    ways = (u[:, :2] * DEGREES).astype(np.int64)
    low, high = ground.low[ways[:, 0]], ground.high[ways[:, 0]]
    room = level.size - 4 * level.seeds - (high - low)
    tails = 2 * level.seeds - low + (u[:, 2:4] * room).astype(np.int64)
    angle = 2 * np.pi * (u[:, 4] * DEGREES).astype(np.int64) / DEGREES
    away = level.seeds * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    others = tails + np.round(np.round(away, 9)).astype(np.int64)
    first = np.concatenate([tails, ways[:, :1]], axis=1)
    second = np.concatenate([others, ways[:, 1:]], axis=1)
    good = (room > 0).all(axis=1)
    _keep(ground, flat, 2 * lanes[good] + 1, first[good])
    good &= ~_collides(ground, flat, 2 * lanes + 1, second)
    _keep(ground, flat, 2 * lanes[good], second[good])
    return np.stack([first, second], axis=1), good


def _grow_short(
    ground: Ground, taken: np.ndarray, length: int, rng: np.random.Generator
) -> Int16[np.ndarray, "images snakes dashes 3"]:
    """Returns the short snakes of images, and lays them into the masks."""
    number = ground.level.crowd // length
    told = np.full((len(taken), number, length, 3), -1, np.int16)
    for snake in range(number):
        left = np.arange(len(taken))
        for _ in range(ATTEMPTS):
            found, masks, grown = _short_snake(ground, taken[left], length, rng)
            told[left[grown], snake] = found[grown]
            taken[left[grown]] = masks[grown]
            left = left[~grown]
    return told


def _short_snake(
    ground: Ground, masks: np.ndarray, length: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, Bool[np.ndarray, " rows"]]:
    """Returns a snake for each mask, the masks with it, and whether it has room."""
    flat, rows = masks.reshape(-1), np.arange(len(masks))
    told = np.full((len(masks), length, 3), -1, np.int64)
    told[:, 0], grown = _begin_short(ground, flat, len(masks), rng)
    for place in range(1, length):
        alive = rows[grown]
        last = told[alive, place - 1]
        told[alive, place], good = _extend(ground, flat, alive, last, rng)
        _keep(ground, flat, alive, last)
        grown[alive] = good
    _keep(ground, flat, rows[grown], told[grown, -1])
    return told, masks, grown


def _begin_short(
    ground: Ground, flat: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[Dash, Bool[np.ndarray, " rows"]]:
    """Returns first dashes at free places, and whether there was such a place."""
    u = rng.random((count, 1 + 2 * PLACES))
    ways = (u[:, 0] * DEGREES).astype(np.int64)
    tails = 1 + (u[:, 1:] * (ground.level.size - 2)).astype(np.int64)
    tails = tails.reshape(count, PLACES, 2)
    places = ground.places(np.arange(count)[:, None], tails)
    whole = ground.dashes.kept[ways] == 255
    blocked = (flat[places[..., None] + ground.patch] > FREE) & whole[:, None]
    free = ~blocked.any(axis=-1)
    first = free.argmax(axis=1)
    chosen = np.take_along_axis(tails, first[:, None, None], axis=1)[:, 0]
    return np.concatenate([chosen, ways[:, None]], axis=1), free.any(axis=1)


def _extend(
    ground: Ground,
    flat: np.ndarray,
    rows: Int[np.ndarray, " rows"],
    last: Dash,
    rng: np.random.Generator,
) -> tuple[Dash, Bool[np.ndarray, " rows"]]:
    """Returns a dash that follows the last one of each row, and whether it has room.

    Its head lies around the pivot ahead: the likelier the straighter on, and the less
    is taken within the margin of it.
    """
    dashes = ground.dashes
    heads = (last[:, :2] + dashes.ahead[last[:, 2]])[:, None] + dashes.steps
    places = ground.places(rows[:, None], heads)
    around = flat[places[..., None] + ground.near].max(axis=-1)
    weights = dashes.likely[last[:, 2]] * (255 - around.astype(np.int64))
    upto = weights.cumsum(axis=1)
    draws = (rng.random((len(rows), DRAWS)) * upto[:, -1:]).astype(np.int64)
    dash = np.zeros((len(rows), 3), np.int64)
    grown = np.zeros(len(rows), bool)
    left = np.flatnonzero(upto[:, -1])
    for draw in draws.T:
        step = (upto[left] > draw[left, None]).argmax(axis=1)
        dash[left, :2], dash[left, 2] = heads[left, step], DEGREES + step
        grown[left] = ~_collides(ground, flat, rows[left], dash[left])
        left = left[~grown[left]]
    return dash, grown


def _collides(
    ground: Ground, flat: np.ndarray, rows: np.ndarray, dash: Dash
) -> Bool[np.ndarray, " rows"]:
    places = ground.places(rows, dash[:, :2])[:, None] + ground.patch
    both = flat[places].astype(np.int16) + ground.dashes.kept[dash[:, 2]]
    return both.max(axis=1) >= TOUCH


def _keep(ground: Ground, flat: np.ndarray, rows: np.ndarray, dash: Dash) -> None:
    """Lays dashes and the margins around them into masks."""
    places = ground.places(rows, dash[:, :2])
    paint(flat, places, ground.patch, ground.dashes.kept[dash[:, 2]])
