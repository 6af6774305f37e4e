"""Finding data that the user recorded, named so that a run says which it was."""

import hashlib
import json
from pathlib import Path

from .files import DataFolder, DataProblem, LocalFolder


ACCOUNT = "recording.json"
"""What a recording tells of itself, written by `nnarena.recording`."""

PINNED = 12
"""Digits of the digest by which a recording is named."""


def name_recording(data: DataFolder, folder: Path) -> str:
    """Returns FOLDER@DIGEST; the folder is relative to the data folder, if it is there.

    The digest is that of the recording's account of itself, which holds those of its
    files: the name goes into the record of every run on it.
    """
    name = str(folder)
    if data.root is not None and folder.is_relative_to(data.root):
        name = folder.relative_to(data.root).as_posix()
    return f"{name}@{_digest(folder / ACCOUNT)}"


def recorded(data: DataFolder, recording: str) -> LocalFolder:
    """Returns the files of a recording FOLDER@DIGEST, by its own account.

    Raises:
        DataProblem: there is no such recording, or it is another one.
    """
    name, _, pinned = recording.partition("@")
    places = [place / name for place in (data.root, data.cache) if place is not None]
    found = next((p / ACCOUNT for p in places if (p / ACCOUNT).is_file()), None)
    if found is None:
        where = " and ".join(dict.fromkeys(map(str, places))) or name
        raise DataProblem(
            f"there is no {ACCOUNT} at {where}; let `arena record` make it, or set "
            "NNARENA_DATA to the folder that it lies in"
        )
    if pinned != (digest := _digest(found)):
        raise DataProblem(
            f"the recording at {found.parent} is {name}@{digest}, not {recording}; "
            "name it so, or record it as it was"
        )
    return LocalFolder(name, _files(found), "record it again with `arena record`")


def _digest(account: Path) -> str:
    return hashlib.sha256(account.read_bytes()).hexdigest()[:PINNED]


def _files(account: Path) -> dict[str, str | None]:
    try:
        rolls = json.loads(account.read_text(encoding="utf-8"))["rollouts"]
        return {str(roll["file"]): str(roll["sha256"]) for roll in rolls}
    except (ValueError, KeyError, TypeError) as error:
        raise DataProblem(f"{account} is not an account of a recording") from error
