"""A store in an object storage, through fsspec: `s3://bucket/prefix` and the like.

An object is there when its upload has come to its end, and whole: what a folder needs
a temporary name and a renaming for. Who may read and write, and at which endpoint, is
said where every client of the storage looks for it (for S3: AWS_PROFILE,
AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...), so that worker processes know it too.
"""

import contextlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..core.problems import StoreProblem
from .base import AbstractStore
from .claims import Claim
from .files import SUFFIXES


PROTOCOLS = ("s3", "gs", "memory")
"""Storages whose writes are atomic. What is in memory is known to this process only."""

CONNECTIONS = 16
"""How many objects are asked for at a time."""


class ObjectStore(AbstractStore):
    """A store whose files are objects below a prefix of a bucket.

    There are no locks: two `arena run` of the same jobs at once may do some of them
    twice, to the same bits.
    """

    def __init__(self, address: str):
        self._files, self._root = _file_system(address)
        self._address = address.rstrip("/")

    @property
    def address(self) -> str:
        return self._address

    def prepare(self) -> None:
        self._write(".prepared", b"")
        self._remove(".prepared")

    def claim(self, key: str) -> Claim:
        return Claim()

    def claimed(self) -> set[str]:
        return set(self.keys("progress"))  # nobody can tell whether it is done or was

    def _names(self, kind: str) -> list[str]:
        with self._reached(kind):
            try:
                found = self._files.ls(f"{self._root}/{kind}", detail=False)
            except FileNotFoundError:
                return []
        names = (path.rpartition("/")[2] for path in found)
        return sorted(
            f"{kind}/{name}" for name in names if name.endswith(SUFFIXES[kind])
        )

    def _fetch(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | OSError]]:
        listed = list(names)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            yield from zip(listed, pool.map(self._get, listed), strict=True)

    def _get(self, name: str) -> bytes | OSError:
        """Returns an object, or that there is none."""
        with self._reached(name):
            try:
                return self._files.cat_file(f"{self._root}/{name}")
            except FileNotFoundError as error:
                return error

    def _write(self, name: str, content: bytes) -> None:
        with self._changed(name):
            self._files.pipe_file(f"{self._root}/{name}", content)

    def _move(self, name: str, target: str) -> None:
        content = self._content(name)
        self._write(target, content)
        self._remove(name)

    def _remove(self, name: str) -> None:
        with self._changed(name), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{name}")

    @contextlib.contextmanager
    def _reached(self, name: str) -> Iterator[None]:
        """Turns whatever a client raises while it reads into one sentence."""
        try:
            yield
        except Exception as error:
            raise StoreProblem(self._sentence(name, error)) from error

    @contextlib.contextmanager
    def _changed(self, name: str) -> Iterator[None]:
        """Turns whatever a client raises while it writes into what a disk raises."""
        try:
            yield
        except Exception as error:
            raise OSError(self._sentence(name, error)) from error

    def _sentence(self, name: str, error: Exception) -> str:
        first = f"{type(error).__name__}: {error}".strip().splitlines()[0].rstrip(". ")
        return (
            f"{self.place(name)}: {first}; look at the bucket, the credentials and the "
            "network (finished runs are kept)"
        )


def _file_system(address: str) -> tuple[Any, str]:
    """Returns the fsspec file system of an address, and the path in it."""
    protocol, _, path = address.partition("://")
    if protocol not in PROTOCOLS or not path.strip("/"):
        known = ", ".join(f"{name}://BUCKET/PREFIX" for name in PROTOCOLS[:-1])
        raise StoreProblem(f"{address} is not a store: give a folder, or {known}")
    try:
        from fsspec.core import url_to_fs

        # Others write here too: a listing that is remembered would hide their runs.
        files, root = url_to_fs(address, use_listings_cache=False)
        return files, root.rstrip("/")
    except ImportError as error:
        raise StoreProblem(
            f"{address} needs a package that is not installed ({error}): "
            "pip install '.[cloud]' in the arena's clone, and gcsfs for gs://"
        ) from error
