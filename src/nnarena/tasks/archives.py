"""Taking known files out of an archive that somebody else made.

A member never decides where it is written: each wanted file is looked for by its name,
and written under that name into the folder that was asked for. Links, devices and
members of other names are not looked at, so that no path of an archive matters.
"""

import hashlib
import io
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TypeVar, cast
from uuid import uuid4


M = TypeVar("M", zipfile.ZipInfo, tarfile.TarInfo)


SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz")

LARGEST = 2**31
"""Bytes of one member: more are those of a bomb."""

DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # a zip that is encrypted
    NotImplementedError,  # packed by a method that Python does not know
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
)


def unpack(archive: Path, digests: Mapping[str, str | None], folder: Path) -> None:
    """Makes a folder of the members of some names, or leaves nothing of it.

    Args:
        archive: a file with one of `SUFFIXES`.
        digests: the SHA-256 sums of the wanted files by name, where they are known.
        folder: what to make; its parents are made too.

    Raises:
        ValueError: the archive is damaged, lacks a name or has it twice, or a member
            is too large or has another digest.
    """
    part = folder.with_name(f".{uuid4().hex}.part")
    part.mkdir(parents=True)
    try:
        with _opened(archive, list(digests)) as members:
            for name, digest in digests.items():
                ours = _write(members(name), part / name)
                if digest is not None and ours != digest:
                    raise ValueError(f"its file {name} is not the one that is known")
        part.rename(folder)
    except DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _opened(
    archive: Path, names: Sequence[str]
) -> Iterator[Callable[[str], io.BufferedIOBase]]:
    """Yields what opens the one regular member of a name."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as zipped:
            held = _in_zip(zipped)
            members = {name: _only(held, name) for name in names}
            yield lambda name: cast(io.BufferedIOBase, zipped.open(members[name]))
    else:
        with tarfile.open(archive) as packed:
            kept = _in_tar(packed)
            inside = {name: _only(kept, name) for name in names}
            yield lambda name: cast(io.BufferedIOBase, packed.extractfile(inside[name]))


def _in_zip(archive: zipfile.ZipFile) -> dict[str, list[zipfile.ZipInfo]]:
    found: dict[str, list[zipfile.ZipInfo]] = {}
    for member in archive.infolist():
        is_link = member.external_attr >> 28 == 0o12
        # Of a damaged archive a name may be empty, which `is_dir` does not expect.
        if member.filename and not member.is_dir() and not is_link:
            name = PurePosixPath(member.filename).name
            found.setdefault(name, []).append(member)
    return found


def _in_tar(archive: tarfile.TarFile) -> dict[str, list[tarfile.TarInfo]]:
    found: dict[str, list[tarfile.TarInfo]] = {}
    for member in archive.getmembers():
        if member.isreg():
            name = PurePosixPath(member.name).name
            found.setdefault(name, []).append(member)
    return found


def _only(found: Mapping[str, list[M]], name: str) -> M:
    members = found.get(name, [])
    if len(members) != 1:
        raise ValueError(f"it holds {len(members)} files {name}, not one")
    return members[0]


def _write(source: io.BufferedIOBase, target: Path) -> str:
    """Writes a member; returns its digest."""
    total, left = hashlib.sha256(), LARGEST
    with source, target.open("xb") as file:
        while chunk := source.read(2**20):
            left -= len(chunk)
            if left < 0:
                raise ValueError(f"its file {target.name} is larger than {LARGEST:,} B")
            total.update(chunk)
            file.write(chunk)
    return total.hexdigest()
