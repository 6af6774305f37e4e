"""Rows that take long to make, kept beside what is downloaded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np

from .archives import DAMAGE
from .files import DataProblem


Arrays = dict[str, np.ndarray]

Shapes = dict[str, tuple[int, ...]]


def kept_rows(
    cache: Path | None, name: str, shapes: Shapes, make: Callable[[], Arrays]
) -> Arrays:
    """Returns arrays that were made before, else makes and keeps them.

    Args:
        cache: the folder of downloads, or None, so that nothing is kept.
        name: where in the folder, without suffix; it tells all that they depend on.
        shapes: those of the arrays, by name.
        make: makes them. A file that is damaged, or has others, is made anew.

    Raises:
        DataProblem: they cannot be kept; before they are made, if that is known.
    """
    if cache is None:
        return make()
    path = cache / f"{name}.npz"
    found = _read(path)
    if {name: array.shape for name, array in found.items()} == shapes:
        return found
    part = path.with_name(f".{uuid4().hex}.part")
    with _told(path):  # before they are made, which takes long
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
    try:
        made = make()
        with _told(path), part.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **made)
        with _told(path):
            part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return made


def _read(path: Path) -> Arrays:
    """Returns the arrays of a file; none of what is not such a file."""
    # Opened here, since NumPy leaves a file open that is not an archive.
    with suppress(*DAMAGE), path.open("rb") as file:
        found = np.load(file, allow_pickle=False)
        if isinstance(found, np.lib.npyio.NpzFile):
            return {name: found[name] for name in found.files}
    return {}


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Says in a sentence why rows cannot be kept."""
    try:
        yield
    except OSError as error:
        raise DataProblem(
            f"rows that are made cannot be kept as {path} ({error.strerror}); set "
            "NNARENA_CACHE to a folder that can be written"
        ) from error
