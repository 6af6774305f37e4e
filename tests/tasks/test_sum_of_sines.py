"""Waves: their periods, their balance, and that only the state tells the step."""

from typing import Any

import jax
import numpy as np
import pytest

from nnarena.tasks.sum_of_sines import PERIODS, SumOfSines, make_waves


@pytest.mark.parametrize("count", [2, 4, 7])
def test_waves_are_of_four_periods_and_balance_each_other(count):
    waves = make_waves(count)
    assert waves.shape == (count, 160)
    strengths = np.abs(np.fft.rfft(waves, axis=1)) / 160
    expected = np.zeros(81)
    # Four sines of variance 1/4 each, an amplitude of sqrt(1/2), half at each sign.
    expected[[160 // period for period in PERIODS]] = np.sqrt(1 / 2) / 2
    np.testing.assert_allclose(strengths, np.tile(expected, (count, 1)), atol=1e-6)
    np.testing.assert_allclose(waves.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(waves.var(axis=1), 1.0, atol=1e-5)
    differences = waves[:, None] - waves
    apart = np.square(differences).mean(axis=-1)[~np.eye(count, dtype=bool)]
    assert apart.min() > 0.5


def test_the_input_says_which_wave_and_no_more():
    rows = jax.random.split(jax.random.key(0), 64)
    found: Any = jax.tree.map(np.asarray, jax.vmap(SumOfSines(cycles=3).example)(rows))
    tokens = found.question.xs
    assert tokens.shape == (64, 480)
    assert (tokens == tokens[:, :1]).all()
    assert set(tokens[:, 0].tolist()) == {0, 1, 2, 3}
    expected = np.tile(make_waves(4), 3)[tokens[:, 0]]
    np.testing.assert_array_equal(found.targets[..., 0], expected)
