"""A server of object storage on this machine, that speaks S3 as Amazon's does."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def storage_server() -> Iterator[str]:
    """Yields the address of a server; skips where it or its client is missing."""
    pytest.importorskip("s3fs", reason="S3 needs s3fs (extra cloud)")
    pytest.importorskip(
        "flask_cors", reason="a server of S3 needs flask and flask-cors"
    )
    moto = pytest.importorskip("moto.server", reason="a server of S3 needs moto")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
