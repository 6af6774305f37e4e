"""Finding real data: in a folder of the user's, else by download, always checked."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pooch


class DataProblem(Exception):
    """A file that is missing or wrong, in one sentence that says what to do."""


@dataclass(frozen=True)
class RemoteFile:
    """One published file: where it lies in a data folder, its digest and mirrors."""

    path: str
    sha256: str
    mirrors: tuple[str, ...]


@dataclass(frozen=True)
class DataFolder:
    """Where files are looked for.

    `root` is the user's own folder ($NNARENA_DATA) and is only read; downloads go to
    `cache`, and are refused where `cache` is None or `downloads` is false.
    """

    root: Path | None = None
    cache: Path | None = None
    downloads: bool = True

    def find(self, file: RemoteFile) -> Path:
        """Returns the path of a file whose digest is right.

        Raises:
            DataProblem: it is nowhere to be had, or is not the published file.
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

    def _missing(self, file: RemoteFile) -> str:
        where = self.root / file.path if self.root else "NNARENA_DATA, which is not set"
        return f"the file {file.path} was looked for at {where}"

    def _download(self, file: RemoteFile, cache: Path) -> Path:
        target = cache / file.path
        reasons = []
        for mirror in file.mirrors:
            try:
                # pooch writes to a temporary name, checks, and only then renames.
                pooch.retrieve(
                    mirror,
                    known_hash=f"sha256:{file.sha256}",
                    fname=target.name,
                    path=target.parent,
                )
                return target
            except Exception as error:  # whatever the network did, the next mirror may
                reasons.append(f"{mirror} ({type(error).__name__})")
        raise DataProblem(
            f"{self._missing(file)} and could not be downloaded from "
            f"{' or '.join(reasons)}; put the file at {target}, or set NNARENA_DATA "
            f"to a folder that holds {file.path}"
        )


def _checked(path: Path, file: RemoteFile) -> Path:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != file.sha256:
        raise DataProblem(
            f"the file {path} is not the published one (its SHA-256 is "
            f"{digest[:12]}..., not {file.sha256[:12]}...); delete it and fetch it "
            f"from {file.mirrors[0]}"
        )
    return path
