"""Dashes of Pathfinder images: the published settings, and every dash there can be.

Snakes live on whole pixels, so that at one margin there are few dashes: all are drawn
once, into small squares, and growing a snake only looks them up.
"""

import functools
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8


Size = Literal[32, 64, 128]


class Level(NamedTuple):
    """The settings on record for images of one size; lengths are in pixels.

    Attributes:
        dash: the length of a dash.
        thickness: the thickness of a dash.
        margins: the room around a dash; one of them is drawn for each image.
        seeds: how far apart the two long snakes begin.
        disc: the radius of a disc.
        continuity: how straight snakes are; from 1 on none turns by 90 degrees.
        crowd: so many dashes, divided by those of one, is the number of short snakes.
        long: the brightness of long snakes, in hundredths of a disc's.
        short: the brightness of short snakes.
    """

    size: int
    dash: int
    thickness: float
    margins: tuple[int, ...]
    seeds: int
    disc: float
    continuity: float
    crowd: int
    long: int
    short: int


LEVELS: dict[Size, Level] = {
    32: Level(32, 2, 0.5, (1,), 7, 1.5, 1.0, 20, 150, 200),
    64: Level(64, 5, 1.0, (1,), 12, 2.5, 1.8, 22, 80, 80),
    128: Level(128, 5, 1.5, (2, 3), 20, 3.0, 1.8, 35, 90, 90),
}

DEGREES = 360
"""A snake begins in one of so many directions."""

EVEN = 2**16
"""The weight of a dash that goes straight on; weights are whole numbers."""


class Dashes(NamedTuple):
    """Every dash at one margin; patches are squares around its anchor, row by row.

    The first `DEGREES` dashes begin a snake, and their anchor is their tail; the others
    extend one, from a pivot in front of it, and their anchor is their head.

    Attributes:
        reach: patches extend so many pixels from the anchor to each side.
        steps: from a pivot to the heads around it.
        ahead: from the anchor to the pivot of the dash that follows.
        likely: how likely each step is after a dash, as whole numbers.
        drawn: how much of a pixel a dash covers, 255 for all of it.
        kept: the same of the dash and the margin around it, where no other may be.
        near: offsets within the margin of a pixel.
    """

    margin: int
    reach: int
    steps: Int[np.ndarray, "steps 2"]
    ahead: Int[np.ndarray, "dashes 2"]
    likely: Int[np.ndarray, "dashes steps"]
    drawn: UInt8[np.ndarray, "dashes patch"]
    kept: UInt8[np.ndarray, "dashes patch"]
    near: Int[np.ndarray, "near 2"]


@functools.cache
def dashes_of(level: Level, margin: int) -> Dashes:
    """Returns the dashes of a level at one of its margins."""
    radius = level.dash + margin
    around = np.arange(0, 2 * np.pi, 1 / radius)  # an arc of one pixel between two
    steps = np.unique(_floor(radius * _directions(around)), axis=0)
    begin = np.radians(np.arange(DEGREES) - DEGREES / 2)
    angles = np.concatenate([begin, np.arctan2(steps[:, 0], steps[:, 1])])
    ways = _directions(angles)
    onward = _ceil((level.dash + 2 * margin) * ways)
    pivots = np.concatenate(
        [_ceil(level.dash * ways[:DEGREES]) + _ceil(-radius * ways[:DEGREES]), -steps]
    )
    stretch = _stretch(level, margin)
    lines = level.dash * stretch * ways
    lines[DEGREES:] *= -1  # drawn from the head towards the pivot
    half = level.thickness / 2
    reach = int(np.ceil((level.dash + half + margin) * stretch + 0.5)) - 1
    distances = _distances(square(reach), lines)
    turns = np.abs(angles[:, None] - angles[DEGREES:])
    turns = np.minimum(turns, 2 * np.pi - turns) * level.continuity
    near = square(margin)
    return Dashes(
        margin=margin,
        reach=reach,
        steps=steps,
        ahead=pivots + onward,
        likely=_round(EVEN * np.cos(np.minimum(turns, np.pi / 2)) ** 2),
        drawn=shades(
            half * stretch + 0.5 - distances, most=min(2 * half * stretch, 1.0)
        ),
        kept=shades((half + margin) * stretch + 0.5 - distances),
        near=near[np.hypot(*near.T) <= margin],
    )


def _stretch(level: Level, margin: int) -> float:
    """Returns how much larger than asked for a dash is.

    The published code draws it at twice the size, 4 n + 1 pixels wide, and reduces that
    to 2 n + 1 pixels.
    """
    n = level.dash + int(np.ceil(level.thickness)) + margin
    return 2 * (2 * n + 1) / (4 * n + 1)


def square(reach: int) -> Int[np.ndarray, "patch 2"]:
    """Returns the offsets of a square's pixels from its center, row by row."""
    side = np.arange(-reach, reach + 1)
    return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)


def shades(covered: Float[np.ndarray, "*shape"], most: float = 1.0) -> np.ndarray:
    """Returns shares of pixels that are covered, from 0 to `most`, as bytes."""
    return _round(255 * np.clip(covered, 0.0, most)).astype(np.uint8)


def _distances(
    points: Int[np.ndarray, "points 2"], ends: Float[np.ndarray, "lines 2"]
) -> Float[np.ndarray, "lines points"]:
    """Returns how far points are from the lines between 0 and their ends."""
    along = ends @ points.T / np.sum(ends**2, axis=1, keepdims=True)
    nearest = np.clip(along, 0.0, 1.0)[:, :, None] * ends[:, None]
    return np.linalg.norm(points - nearest, axis=-1)


def _directions(angles: Float[np.ndarray, " angles"]) -> Float[np.ndarray, "angles 2"]:
    return np.stack([np.sin(angles), np.cos(angles)], axis=1)


# Rounded first, as the last bit of a sine is not the same on every machine.
def _floor(values: np.ndarray) -> np.ndarray:
    return np.floor(np.round(values, 9)).astype(np.int64)


def _ceil(values: np.ndarray) -> np.ndarray:
    return np.ceil(np.round(values, 9)).astype(np.int64)


def _round(values: np.ndarray) -> np.ndarray:
    return _floor(values + 0.5)
