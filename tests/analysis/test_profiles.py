"""Profiles of matrices that can be counted."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from nnarena.analysis.profiles import profile, shares_reaching


MATRIX = np.array([[0.0, 0.4], [0.2, 0.6], [0.5, 0.8], [1.0, np.nan]])
"""Four runs of a task, three of another."""


def test_shares_counted_by_hand():
    shares = shares_reaching(MATRIX, np.array([0.0, 0.5, 0.7, 1.1]))
    expected = [1.0, (2 / 4 + 2 / 3) / 2, (1 / 4 + 1 / 3) / 2, 0.0]
    np.testing.assert_allclose(shares, expected)


def test_a_profile_falls_and_stays_in_its_band():
    found = profile(MATRIX, np.linspace(0, 1, 21))
    assert (np.diff(found.shares) <= 0).all()
    assert (found.low <= found.shares).all()
    assert (found.shares <= found.high).all()
    assert found.shares[0] == found.high[0] == 1.0
    # That all runs reach a score is not a certainty.
    assert found.low[0] < 0.9


def test_the_band_is_that_of_a_proportion():
    """A single bar over one task: k of n with two and two added (Agresti and Coull)."""
    matrix = (np.arange(400) < 100).astype(float)[:, None]
    found = profile(matrix, np.array([0.5]))
    oracle = proportion_confint(100, 400, method="agresti_coull")
    assert (found.low[0], found.high[0]) == pytest.approx(oracle, abs=1e-3)


def test_a_single_run_has_no_band():
    assert np.isnan(profile(MATRIX[:1], np.array([0.5])).low).all()
    with pytest.raises(ValueError, match="every task needs a run"):
        profile(MATRIX[3:], np.array([0.5]))


def test_the_area_under_a_profile_is_the_mean():
    grid = (np.arange(10_000) + 0.5) / 10_000
    area = shares_reaching(MATRIX[:3], grid).mean()
    assert area == pytest.approx(MATRIX[:3].mean(), abs=1e-4)
