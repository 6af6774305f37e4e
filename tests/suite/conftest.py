"""Small suites that train in a second, and a cache of programs of their own."""

from pathlib import Path

import pytest
from tests.suite.bits import bits_of

from nnarena.runs.store import open_store
from nnarena.suite.config import Suite, parse_suite
from nnarena.suite.executors import InProcess
from nnarena.suite.session import open_session


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("NNARENA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def tiny_suite() -> Suite:
    """One model on one task, two seeds, five checks."""
    return parse_suite(
        {
            "name": "tiny",
            "models": ["elman"],
            "tasks": [{"name": "add", "length": 8}],
            "seeds": 2,
            "width": 6,
            "trainer": {"steps": 20, "batch": 8, "checks": 5},
        },
        "tiny",
    )


@pytest.fixture(scope="session")
def undisturbed(tiny_suite, tmp_path_factory) -> Path:
    """The folder of its runs, done in peace."""
    folder = tmp_path_factory.mktemp("undisturbed")
    list(InProcess(folder).run(open_session(tiny_suite, folder).jobs))
    return folder


@pytest.fixture
def calm(undisturbed) -> dict:
    """The bits of its runs, done in peace."""
    return bits_of(open_store(undisturbed))
