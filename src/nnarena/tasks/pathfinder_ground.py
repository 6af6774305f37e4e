"""Where masks and images of Pathfinder lie in memory, and how patches get there."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from .pathfinder_dashes import Dashes, Level, dashes_of, square


class Ground(NamedTuple):
    """How masks of images lie in one flat array, each with a taken rim around it.

    Attributes:
        rim: so many pixels on every side, as many as a dash can look beyond the edge.
        side: pixels of a mask from rim to rim.
        patch: what to add to a flat place for the pixels of a patch around it.
        near: the same for those within the margin.
        empty: a mask in which all but the rim and the outermost pixels is free.
        low: how far the pixels that a dash keeps whole reach up and left.
        high: how far they reach down and right.
    """

    level: Level
    dashes: Dashes
    rim: int
    side: int
    patch: Int[np.ndarray, " offsets"]
    near: Int[np.ndarray, " offsets"]
    empty: UInt8[np.ndarray, " pixels"]
    low: Int[np.ndarray, "dashes 2"]
    high: Int[np.ndarray, "dashes 2"]

    def places(self, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Returns the flat places of pixels, the last axis of `at`, of some masks."""
        inside = (at[..., 0] + self.rim) * self.side + at[..., 1] + self.rim
        return rows * self.side**2 + inside


@functools.cache
def ground_of(level: Level, margin: int) -> Ground:
    """Returns the ground of a level at one of its margins."""
    dashes = dashes_of(level, margin)
    rim = level.dash + 3 * margin + 4
    side = level.size + 2 * rim
    empty = np.full((side, side), 255, np.uint8)
    empty[rim + 1 : -rim - 1, rim + 1 : -rim - 1] = 0
    around = square(dashes.reach)
    whole = np.where((dashes.kept == 255)[..., None], around, 0)
    return Ground(
        level=level,
        dashes=dashes,
        rim=rim,
        side=side,
        patch=around @ [side, 1],
        near=dashes.near @ [side, 1],
        empty=empty.ravel(),
        low=whole.min(axis=1),
        high=whole.max(axis=1),
    )


def paint(
    canvas: np.ndarray,
    places: Int[np.ndarray, " rows"],
    offsets: Int[np.ndarray, " offsets"],
    patches: np.ndarray,
) -> None:
    """Lays patches on a flat canvas; where something is, the brighter one stays."""
    index = places[:, None] + offsets
    canvas[index] = np.maximum(canvas[index], patches)
