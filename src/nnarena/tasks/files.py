"""Finding real data: in a folder of the user's, else by download, always checked."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.problems import UserProblem
from .archives import SUFFIXES, unpack
from .download import download


class DataProblem(UserProblem):
    """A file that is missing or wrong, in one sentence that says what to do."""


@dataclass(frozen=True)
class RemoteFile:
    """One published file: where it lies in a data folder, its digest and mirrors.

    `size` is how many bytes it has; the mirrors are addresses of https.
    """

    path: str
    sha256: str
    size: int
    mirrors: tuple[str, ...]


@dataclass(frozen=True)
class LocalFolder:
    """A folder of files that are not downloaded: no address serves them as they are.

    An archive of its name (`PATH.zip`, `PATH.tar.gz`, ...) serves as well.
    `digests` are the SHA-256 sums of its files by name, of the copy that a task was
    measured on. None stands where no sum is known: the task's reader must then refuse
    what is not whole. `advice` says in a clause where the user gets the files. A name
    may have folders before it. What an archive `may_lack` is missed by those alone who
    ask for it.
    """

    path: str
    digests: Mapping[str, str | None]
    advice: str
    may_lack: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DataFolder:
    """Where files are looked for.

    `root` is the user's own folder ($NNARENA_DATA) and is only read; downloads go to
    `cache`, and are refused where `cache` is None or `downloads` is false.
    """

    root: Path | None = None
    cache: Path | None = None
    downloads: bool = True

    def has(self, file: RemoteFile) -> bool:
        """Returns whether a file is there, right or wrong, and need not be fetched."""
        places = (self.root, self.cache)
        return any(p is not None and (p / file.path).is_file() for p in places)

    def find(self, file: RemoteFile) -> Path:
        """Returns the path of a file whose digest is right.

        Raises:
            DataProblem: it is nowhere available, or is not the published file.
        """
        for folder in (self.root, self.cache):
            if folder is not None and (folder / file.path).is_file():
                return _checked(folder / file.path, file)
        if self.cache is None or not self.downloads:
            raise DataProblem(
                f"{self._missing(file)}, and downloads are off; set NNARENA_DATA to a "
                f"folder that holds {file.path}, or allow downloads"
            )
        return self._download(file, self.cache)

    def folder(
        self, wanted: LocalFolder, names: Iterable[str] | None = None
    ) -> list[Path]:
        """Returns the paths of a folder's files, in the order of its digests.

        Of some `names` alone, in their order, if they are given. Files of other names
        are not looked at. Nothing is downloaded.

        Raises:
            DataProblem: the folder or a file is missing, or has another digest.
        """
        places = [p / wanted.path for p in (self.root, self.cache) if p is not None]
        found = next((place for place in places if place.is_dir()), None)
        if found is None:
            found = self._unpacked(wanted, places)
        if found is None:
            where = " and ".join(map(str, places)) or "NNARENA_DATA, which is not set"
            raise DataProblem(
                f"the folder {wanted.path} ({_named(wanted)}) was looked for at "
                f"{where}; {wanted.advice}, or set NNARENA_DATA to a folder that "
                f"holds {wanted.path}"
            )
        return [
            _known(found / name, wanted.digests[name], wanted)
            for name in (wanted.digests if names is None else names)
        ]

    def _unpacked(self, wanted: LocalFolder, places: list[Path]) -> Path | None:
        """Returns a folder in the cache with what an archive holds, if there is one."""
        names = [f"{place}{suffix}" for place in places for suffix in SUFFIXES]
        archive = next((Path(name) for name in names if Path(name).is_file()), None)
        if archive is None or self.cache is None:
            return None
        folder = self.cache / wanted.path
        try:
            unpack(archive, wanted.digests, folder, may_lack=wanted.may_lack)
        except ValueError as error:
            raise DataProblem(
                f"the archive {archive} cannot be unpacked: {error}; delete it and "
                f"{wanted.advice}"
            ) from error
        return folder

    def _missing(self, file: RemoteFile) -> str:
        where = self.root / file.path if self.root else "NNARENA_DATA, which is not set"
        return f"the file {file.path} was looked for at {where}"

    def _download(self, file: RemoteFile, cache: Path) -> Path:
        target = cache / file.path
        reasons = []
        for mirror in file.mirrors:
            try:
                download(mirror, target, sha256=file.sha256, size=file.size)
                return target
            except Exception as error:  # whatever the network did, the next mirror may
                reasons.append(f"{mirror} ({type(error).__name__})")
        raise DataProblem(
            f"{self._missing(file)} and could not be downloaded from "
            f"{' or '.join(reasons)}; put the file at {target}, or set NNARENA_DATA "
            f"to a folder that holds {file.path}"
        )


def _named(wanted: LocalFolder) -> str:
    first, *others = wanted.digests
    return f"{first} and {len(others)} more" if others else first


def _known(path: Path, digest: str | None, wanted: LocalFolder) -> Path:
    """Returns the path of a file that is there and has its digest."""
    if not path.is_file() and str(path).endswith(tuple(wanted.may_lack)):
        raise DataProblem(
            f"the file {path} is missing: the archive that its folder was unpacked "
            f"from lacks it; delete the folder and {wanted.advice}"
        )
    if not path.is_file():
        raise DataProblem(
            f"the file {path} is missing from its folder; {wanted.advice}"
        )
    if digest is not None and (ours := _digest(path)) != digest:
        raise DataProblem(
            f"the file {path} is not the one that was measured "
            f"{_unlike(ours, digest)}; delete it and {wanted.advice}"
        )
    return path


def _checked(path: Path, file: RemoteFile) -> Path:
    digest = _digest(path)
    if digest != file.sha256:
        raise DataProblem(
            f"the file {path} is not the published one {_unlike(digest, file.sha256)}; "
            f"delete it and fetch it from {file.mirrors[0]}"
        )
    return path


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _unlike(ours: str, theirs: str) -> str:
    return f"(its SHA-256 is {ours[:12]}..., not {theirs[:12]}...)"
