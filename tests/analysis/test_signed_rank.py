"""The posterior against baycomp, the reference of its authors, and in closed form."""

import baycomp
import numpy as np
import pytest

from nnarena.analysis.signed_rank import Posterior, signed_rank


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("region", [0.01, 0.1])
def test_the_posterior_is_that_of_baycomp(seed, region):
    source = np.random.default_rng(seed)
    first = source.normal(0.55, 0.15, size=9)
    second = source.normal(0.5, 0.15, size=9)
    better, same, worse = baycomp.SignedRankTest.probs(
        first, second, rope=region, nsamples=20_000, random_state=1
    )
    found = signed_rank(first - second, rng(), region=region)
    assert sum(found) == pytest.approx(1.0)
    np.testing.assert_allclose(found, (better, same, worse), atol=0.015)


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
