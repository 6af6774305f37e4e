"""Made-up records for the tests of this folder."""

import pytest

from nnarena.core.scoring import accuracy
from nnarena.runs.record import (
    Cost,
    Entrant,
    Identity,
    Outcome,
    Provenance,
    Record,
    Result,
)


def identity(seed: int = 0) -> Identity:
    """Returns the identity of a run, with a number of every kind."""
    settings = {"depth": 1, "readout": "last", "dropout": 0.1, "gates": [1, 2]}
    recipe = {"steps": 100, "learning_rate": 3e-3, "patience": None}
    return Identity(
        model=Entrant(name="lstm", version="1", settings=settings),
        width=32,
        task=Entrant(name="add", version="2", settings={"length": 100}),
        trainer=Entrant(name="gradient_descent", version="1", settings=recipe),
        seed=seed,
    )


def record(seed: int = 0, outcome: Outcome = "finished") -> Record:
    """Returns the record of a run."""
    of = identity(seed)
    return Record(
        key=of.key,
        identity=of,
        family="gated",
        scoring=accuracy(chance=0.1),
        result=Result(outcome=outcome, parameters=5_000, steps=100, test_score=1 / 3),
        cost=Cost(run_seconds=0.1 + 0.2, peak_bytes=2**40),
        provenance=Provenance(
            started_at="2026-03-01T09:00:00+00:00",
            finished_at="2026-03-01T09:05:00+00:00",
            versions={"jax": "0.10.2"},
            commit=None,
            hardware={"processor": "Ünïcode CPU", "cores": 2},
            executor="local",
        ),
    )


@pytest.fixture
def make_identity():
    """The function that makes an identity of a seed."""
    return identity


@pytest.fixture
def make_record():
    """The function that makes a record of a seed and an outcome."""
    return record
