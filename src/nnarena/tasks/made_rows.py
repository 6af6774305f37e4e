"""Rows that take long to make, kept beside what is downloaded."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import numpy as np

from .archives import DAMAGE


Arrays = dict[str, np.ndarray]


def kept_rows(cache: Path | None, name: str, make: Callable[[], Arrays]) -> Arrays:
    """Returns arrays that were made before, else makes and keeps them.

    Args:
        cache: the folder of downloads, or None, so that nothing is kept.
        name: where in the folder, without suffix; it tells all that they depend on.
        make: makes them. A file that is damaged is made anew.
    """
    if cache is None:
        return make()
    path = cache / f"{name}.npz"
    # Opened here, since NumPy leaves a file open that is no archive.
    with suppress(*DAMAGE), path.open("rb") as file:
        found = np.load(file, allow_pickle=False)
        return {name: found[name] for name in found.files}
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{uuid4().hex}.part")
    with part.open("xb") as file:
        np.savez_compressed(file, allow_pickle=False, **made)
    part.rename(path)
    return made
