"""Profiles of matrices that can be counted."""

import numpy as np
import pytest

from nnarena.analysis.profiles import profile, shares_reaching


MATRIX = np.array([[0.0, 0.4], [0.2, 0.6], [0.5, 0.8], [1.0, np.nan]])
"""Four runs of a task, three of another."""


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_shares_counted_by_hand():
    shares = shares_reaching(MATRIX, np.array([0.0, 0.5, 0.7, 1.1]))
    expected = [1.0, (2 / 4 + 2 / 3) / 2, (1 / 4 + 1 / 3) / 2, 0.0]
    np.testing.assert_allclose(shares, expected)


def test_a_profile_falls_and_stays_in_its_band():
    found = profile(MATRIX, np.linspace(0, 1, 21), rng())
    assert (np.diff(found.shares) <= 0).all()
    assert (found.low <= found.shares).all()
    assert (found.shares <= found.high).all()
    assert found.shares[0] == found.low[0] == 1.0


def test_the_band_is_that_of_a_proportion():
    """A single bar over one task: the bootstrap of k of n is binomial."""
    matrix = (np.arange(40) < 10).astype(float)[:, None]
    found = profile(matrix, np.array([0.5]), rng(), repetitions=20_000)
    half = 1.96 * np.sqrt(0.25 * 0.75 / 40)
    ends = found.low[0], found.high[0]
    assert ends == pytest.approx((0.25 - half, 0.25 + half), abs=0.02)


def test_the_area_under_a_profile_is_the_mean():
    grid = (np.arange(10_000) + 0.5) / 10_000
    area = shares_reaching(MATRIX[:3], grid).mean()
    assert area == pytest.approx(MATRIX[:3].mean(), abs=1e-4)
