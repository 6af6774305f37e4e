"""Claims: who is doing a run, so that two processes do not do it twice.

A claim is a lock of the operating system (flock) on the file of a run. The kernel lets
go of it when its process ends in whatever way, so that a killed owner leaves nothing
behind and no clock decides anything. On NFS the locks of Linux reach all clients, and
those of a machine that dropped out end with its lease, after a minute or two. Where a
file system has no locks (NFS mounted with `nolock`, Lustre without `flock`) claims hold
on one machine at most: a run may then be done twice, with the same bits.
"""

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path


PATIENCE = 0.5
"""Seconds for which a taker tries again: `is_claimed` holds a lock for an instant."""

BUSY = {errno.EWOULDBLOCK, errno.EACCES}


class Claim:
    """A run that is being done, until `release` or the end of the process."""

    def __init__(self, path: Path | None = None, descriptor: int | None = None):
        self._path, self._descriptor = path, descriptor

    def release(self) -> None:
        """Lets go of the run; a second time does nothing."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        if self._path is not None:
            # Removed while it is still locked: see `_is_current`.
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(descriptor)


def take(path: Path, *, patience: float | None = None) -> Claim | None:
    """Returns the claim on a file; None if another process keeps it so many seconds.

    Raises:
        OSError: the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + (PATIENCE if patience is None else patience)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            locked = _lock(descriptor, fcntl.LOCK_EX)
            if locked and _is_current(path, descriptor):
                return Claim(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if not locked and time.monotonic() > until:
            return None
        time.sleep(0.01)


def is_claimed(path: Path) -> bool:
    """Whether a process is doing the run of a claim's file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    """Whether a lock was granted; a file system without locks grants all."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in BUSY
    return True


def _is_current(path: Path, descriptor: int) -> bool:
    """Whether the locked file is the one of that name; its last owner removed it."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
