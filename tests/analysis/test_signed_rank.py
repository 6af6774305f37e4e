"""The posterior against baycomp, the reference of its authors, and in closed form."""

import numpy as np
import pytest

from nnarena.analysis.signed_rank import Posterior, signed_rank


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("seed", "region", "answer"),
    [
        (0, 0.01, (0.9984, 0.0015, 0.0)),
        (0, 0.1, (0.9755, 0.0245, 0.0)),
        (1, 0.01, (0.9896, 0.0001, 0.0104)),
        (1, 0.1, (0.3615, 0.6385, 0.0)),
        (2, 0.01, (0.8604, 0.0003, 0.1394)),
        (2, 0.1, (0.2841, 0.7061, 0.0098)),
    ],
)
def test_the_posterior_is_that_of_baycomp(seed, region, answer):
    """Of baycomp 1.0.3: SignedRankTest.probs(first, second, rope=region), 20,000 draws.

    Recorded, since its package also installs one that is called tests.
    """
    source = np.random.default_rng(seed)
    first = source.normal(0.55, 0.15, size=9)
    second = source.normal(0.5, 0.15, size=9)
    found = signed_rank(first - second, rng(), region=region)
    assert sum(found) == pytest.approx(1.0)
    np.testing.assert_allclose(found, answer, atol=0.015)


def test_one_task_in_closed_form():
    # With weight v ~ Beta(1, 1/2) on the task: better has mass v^2 + 2 v (1 - v).
    # It leads where that exceeds 1/2: v > 1 - sqrt(1/2); P = (1 - v)^(1/2) there.
    found = signed_rank(np.array([1.0]), rng())
    assert found.better == pytest.approx(0.5**0.25, abs=0.01)
    assert found.worse == 0.0


def test_equal_tasks_are_the_same_and_sides_mirror():
    assert signed_rank(np.zeros(5), rng()) == Posterior(0.0, 1.0, 0.0)
    gaps = np.array([0.3, -0.1, 0.2, 0.05])
    ours, theirs = signed_rank(gaps, rng()), signed_rank(-gaps, rng())
    assert (ours.better, ours.worse) == (theirs.worse, theirs.better)
    with pytest.raises(ValueError, match="needs a task"):
        signed_rank(np.array([]), rng())
