"""Small suites that train in a second, and a cache of programs of their own."""

import pytest

from nnarena.suite.config import Suite, parse_suite


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
