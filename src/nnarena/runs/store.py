"""The store of an address: a folder of a file system, or see `object_store`."""

import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..core.problems import StoreProblem
from .base import AbstractStore
from .claims import Claim, is_claimed, take
from .files import SUFFIXES, Arrays, name_of


__all__ = ["SUFFIXES", "AbstractStore", "Arrays", "DirectoryStore", "open_store"]


class DirectoryStore(AbstractStore):
    """A store in a folder of a file system.

    A file is written under a temporary name of its own, flushed and renamed.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)

    @property
    def address(self) -> str:
        return str(self.root)

    def prepare(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)

    def claim(self, key: str) -> Claim | None:
        return take(self.root / name_of("claims", key))

    def claimed(self) -> set[str]:
        keys = self.keys("claims")
        return {key for key in keys if is_claimed(self.root / name_of("claims", key))}

    def _names(self, kind: str) -> list[str]:
        found = (self.root / kind).glob(f"*{SUFFIXES[kind]}")
        return sorted(f"{kind}/{path.name}" for path in found if path.name[0] != ".")

    def _fetch(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | OSError]]:
        for name in names:
            try:
                yield name, (self.root / name).read_bytes()
            except FileNotFoundError as error:
                yield name, error
            except OSError as error:
                raise StoreProblem(
                    f"{self.place(name)} cannot be read: {error.strerror or error}; "
                    "make it readable and give the same command again"
                ) from error

    def _write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.parent / f".{uuid.uuid4().hex}.part"
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _move(self, name: str, target: str) -> None:
        if (self.root / name).exists():
            (self.root / target).parent.mkdir(parents=True, exist_ok=True)
        os.replace(self.root / name, self.root / target)

    def _remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)


def open_store(address: str | Path) -> AbstractStore:
    """Returns the store of an address; nothing is made or asked for yet.

    Raises:
        StoreProblem: it is neither a folder nor a storage that is known here.
    """
    if "://" not in str(address):
        return DirectoryStore(address)
    from .object_store import ObjectStore

    return ObjectStore(str(address))
