"""Fetching published files: by https alone, no larger than published, whole or not."""

from pathlib import Path
from typing import Any, cast

import pooch
import requests


TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes of one."""

CHUNK = 2**16


def https_session() -> requests.Session:
    """Returns a session that knows no other protocol, wherever it is redirected to."""
    session = requests.Session()
    del session.adapters["http://"]
    return session


def download(address: str, target: Path, *, sha256: str, size: int) -> None:
    """Fetches a file to its place; what is not the published one never gets there.

    It is written under a temporary name beside it, compared, and only then renamed.

    Args:
        address: where the file is published.
        target: where it is to lie; its folder is made.
        sha256: the digest that it must have.
        size: how many bytes it has: no more of them are read.

    Raises:
        Exception: of whatever kind the network or the comparison has.
    """

    def fetch(url: str, part: Any, _: Any) -> None:
        with https_session() as session, Path(part).open("wb") as file:
            response = session.get(url, stream=True, timeout=TIMEOUT)
            response.raise_for_status()
            left = size
            for chunk in response.iter_content(CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise ValueError(f"it is larger than the published {size:,} bytes")
                file.write(chunk)

    pooch.retrieve(
        address,
        known_hash=f"sha256:{sha256}",
        fname=target.name,
        path=target.parent,
        downloader=cast(Any, fetch),  # whose names of arguments are other ones
    )
