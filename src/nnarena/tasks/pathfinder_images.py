"""Pathfinder images: two discs, and the dashed snakes that may connect them."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from .pathfinder_dashes import LEVELS, Level, Size, shades, square
from .pathfinder_ground import Ground, ground_of, paint
from .pathfinder_snakes import Snakes, grow


BLOCK = 1_000
"""Images are made so many at a time, which bounds the memory that it takes."""


class Images(NamedTuple):
    """Rows of the task: pixels, row by row, and whether the discs are connected."""

    pixels: UInt8[np.ndarray, "rows pixels"]
    labels: UInt8[np.ndarray, " rows"]


def make_images(
    count: int, *, size: Size, contour: int, rng: np.random.Generator
) -> Images:
    """Returns so many images, of which every other one has its discs connected.

    Args:
        count: how many images.
        size: pixels of a side.
        contour: the dashes of a long snake.
        rng: where all choices come from.
    """
    labels = (np.arange(count) % 2).astype(np.uint8)
    blocks = np.split(labels, range(BLOCK, count, BLOCK))
    pixels = [_make_block(part, LEVELS[size], contour, rng) for part in blocks]
    return Images(np.concatenate(pixels), labels)


def _make_block(
    labels: UInt8[np.ndarray, " rows"],
    level: Level,
    contour: int,
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "rows pixels"]:
    chosen = (rng.random(len(labels)) * len(level.margins)).astype(np.int64)
    pixels = np.empty((len(labels), level.size**2), np.uint8)
    for number, margin in enumerate(level.margins):
        rows = np.flatnonzero(chosen == number)
        ground = ground_of(level, margin)
        snakes = grow(ground, len(rows), contour=contour, rng=rng)
        discs = place_discs(snakes, labels[rows], rng)
        pixels[rows] = draw(ground, snakes, discs)
    return pixels


def place_discs(
    snakes: Snakes, labels: UInt8[np.ndarray, " rows"], rng: np.random.Generator
) -> Int[np.ndarray, "rows 2 2"]:
    """Returns the centers of two discs, as row and column.

    One is where a long snake begins, the other where the same one ends (label 1) or the
    other one (label 0).
    """
    rows = np.arange(len(labels))
    first = (rng.random(len(labels)) * 2).astype(np.int64)
    last = np.where(labels == 1, first, 1 - first)
    begin, end = snakes.long[rows, first, 0, :2], snakes.long[rows, last, -1, :2]
    return np.stack([begin, end], axis=1).astype(np.int64)


def draw(
    ground: Ground, snakes: Snakes, discs: Int[np.ndarray, "rows 2 2"]
) -> UInt8[np.ndarray, "rows pixels"]:
    """Returns images, in each of which the brightest pixel has 255.

    Where things overlap, the brighter one is seen.
    """
    level, rows = ground.level, np.arange(len(discs))
    canvas = np.zeros(len(discs) * ground.side**2, np.uint16)
    drawn = ground.dashes.drawn.astype(np.uint16)
    for several, brightness in ((snakes.long, level.long), (snakes.short, level.short)):
        for dash in several.reshape(len(discs), -1, 3).swapaxes(0, 1).astype(np.int64):
            there = np.flatnonzero(dash[:, 2] >= 0)
            places = ground.places(there, dash[there, :2])
            paint(canvas, places, ground.patch, brightness * drawn[dash[there, 2]])
    disc, around = _disc(level.disc)
    for at in discs.swapaxes(0, 1):
        paint(canvas, ground.places(rows, at), around @ [ground.side, 1], 100 * disc)
    inner = slice(ground.rim, ground.rim + level.size)
    square_of = canvas.reshape(-1, ground.side, ground.side)[:, inner, inner]
    pixels = square_of.reshape(len(discs), -1).astype(np.int64)
    brightest = pixels.max(axis=1, keepdims=True)
    return ((255 * pixels + brightest // 2) // brightest).astype(np.uint8)


@functools.cache
def _disc(radius: float) -> tuple[np.ndarray, Int[np.ndarray, "patch 2"]]:
    """Returns how much of a pixel a disc covers, and the pixels' offsets."""
    around = square(int(np.ceil(radius)))
    shade = shades(radius + 0.5 - np.linalg.norm(around, axis=1))
    return shade.astype(np.uint16), around
