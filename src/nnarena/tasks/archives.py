"""Taking known files out of an archive that somebody else made.

A member never decides where it is written: each wanted file is looked for by its name,
or by the last folders and the name, as `en/qa1.txt`, and written under that into the
folder that was asked for. Links, devices and members of other names are not looked at,
so that no path of an archive matters.
"""

import hashlib
import io
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TypeVar, cast
from uuid import uuid4


M = TypeVar("M", zipfile.ZipInfo, tarfile.TarInfo)

Found = dict[PurePosixPath, list[M]]
"""Members by their paths, of which an archive may have one twice."""


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


def unpack(
    archive: Path,
    digests: Mapping[str, str | None],
    folder: Path,
    *,
    may_lack: Collection[str] = (),
) -> None:
    """Makes a folder of the members of some names, or leaves nothing of it.

    Args:
        archive: a file with one of `SUFFIXES`.
        digests: the SHA-256 sums of the wanted files by name, where they are known.
        folder: what to make; its parents are made too.
        may_lack: names that are left out where the archive has no such file.

    Raises:
        ValueError: the archive is damaged, lacks a name or has it twice, or a member
            is too large or has another digest.
    """
    part = folder.with_name(f".{uuid4().hex}.part")
    part.mkdir(parents=True)
    try:
        with _opened(archive, digests, may_lack) as (names, member):
            for name in names:
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                ours, digest = _write(member(name), part / name), digests[name]
                if digest is not None and ours != digest:
                    raise ValueError(f"its file {name} is not the one that is known")
        part.rename(folder)
    except DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _opened(
    archive: Path, names: Collection[str], may_lack: Collection[str]
) -> Iterator[tuple[list[str], Callable[[str], io.BufferedIOBase]]]:
    """Yields the names that are there, and what opens the one regular member of one."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as zipped:
            held = _wanted(_in_zip(zipped), names, may_lack)
            yield (
                list(held),
                lambda name: cast(io.BufferedIOBase, zipped.open(held[name])),
            )
    else:
        with tarfile.open(archive) as packed:
            kept = _wanted(_in_tar(packed), names, may_lack)
            yield (
                list(kept),
                lambda name: cast(io.BufferedIOBase, packed.extractfile(kept[name])),
            )


def _in_zip(archive: zipfile.ZipFile) -> Found[zipfile.ZipInfo]:
    found: Found[zipfile.ZipInfo] = {}
    for member in archive.infolist():
        is_link = member.external_attr >> 28 == 0o12
        # Of a damaged archive a name may be empty, which `is_dir` does not expect.
        if member.filename and not member.is_dir() and not is_link:
            found.setdefault(PurePosixPath(member.filename), []).append(member)
    return found


def _in_tar(archive: tarfile.TarFile) -> Found[tarfile.TarInfo]:
    found: Found[tarfile.TarInfo] = {}
    for member in archive.getmembers():
        if member.isreg():
            found.setdefault(PurePosixPath(member.name), []).append(member)
    return found


def _wanted(
    found: Found[M], names: Collection[str], may_lack: Collection[str]
) -> dict[str, M]:
    """Returns the one member of each name; of a name that may lack, one or none."""
    wanted: dict[str, M] = {}
    for name in names:
        last = PurePosixPath(name).parts
        ours = [m for path, m in found.items() if path.parts[-len(last) :] == last]
        members = [one for several in ours for one in several]
        if len(members) == 1:
            wanted[name] = members[0]
        elif members or name not in may_lack:
            raise ValueError(f"it holds {len(members)} files {name}, not one")
    return wanted


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
