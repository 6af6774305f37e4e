"""Entrants made to break a law."""

import pytest

from nnarena.core.registry import Registry


@pytest.fixture
def enter(monkeypatch):
    """Registers an entrant as "flawed", for one test only."""

    def enter(
        registry: Registry,
        make: type,
        *,
        family: str = "test",
        source: str = "a talk",
        **numbers,
    ):
        registry.discover()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        registry.register("flawed", family=family, source=source, **numbers)(make)

    return enter
