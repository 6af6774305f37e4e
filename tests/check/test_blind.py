"""The standard error of a score, where rows depend on their neighbors or do not."""

import numpy as np

from nnarena.check.scored import ratio


RNG = np.random.default_rng(2)


def test_independent_rows_have_the_usual_error():
    hits = (RNG.random(2_000) < 0.3).astype(float)
    score, error = ratio(hits, np.ones(2_000))
    usual = np.sqrt(0.3 * 0.7 / 2_000)
    assert score == hits.mean()
    assert 0.9 * usual < error < 1.6 * usual


def test_rows_of_one_recording_count_as_what_they_are_worth():
    hits = (RNG.random(20) < 0.5).astype(float)
    score, error = ratio(np.repeat(hits, 100), np.ones(2_000))
    assert score == hits.mean()
    # The error of 20 draws, as if each recording were one row.
    np.testing.assert_allclose(error, np.sqrt(hits.var() / 19), rtol=1e-6)


def test_a_score_without_variance_has_no_error():
    assert ratio(np.ones(7), np.ones(7)) == (1.0, 0.0)
