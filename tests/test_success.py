"""The tests of the pages on how often a task is learned, and their figure."""

from typing import Any

import numpy as np
import pytest
from experiments.success import Counts, falls, holm, within_lengths
from scipy.stats import fisher_exact


def fisher(table: list[list[int]]) -> float:
    found: Any = fisher_exact(table)
    return float(found.pvalue)


def test_at_one_length_it_is_fishers_exact_test():
    for hits, runs, others, more in [(5, 5, 0, 5), (3, 5, 1, 5), (7, 20, 15, 20)]:
        found = within_lengths({10: (hits, runs)}, {10: (others, more)})
        table = [[hits, runs - hits], [others, more - others]]
        assert found == pytest.approx(fisher(table), rel=1e-9)


def test_over_lengths_it_is_the_share_of_shuffles_within_them():
    """The null: who of a length's runs succeeds has nothing to do with the method."""
    first: Counts = {10: (5, 5), 20: (4, 5), 50: (2, 5)}
    second: Counts = {10: (5, 5), 20: (1, 5), 50: (0, 5)}
    rng = np.random.default_rng(0)
    sums = np.zeros(200_000, dtype=int)
    for length, (hits, runs) in first.items():
        others, more = second[length]
        sums += rng.hypergeometric(
            hits + others, runs + more - hits - others, runs, 200_000
        )
    chances = np.bincount(sums) / len(sums)
    came = sum(hits for hits, _ in first.values())
    simulated = chances[chances <= chances[came] * 1.1].sum()
    assert within_lengths(first, second) == pytest.approx(simulated, abs=0.004)
    assert within_lengths(first, second) == pytest.approx(within_lengths(second, first))


def test_equal_methods_are_told_apart_no_more_often_than_the_level():
    rng = np.random.default_rng(1)
    chances = {10: 0.9, 20: 0.5, 50: 0.1}

    def drawn() -> Counts:
        return {length: (int(rng.binomial(5, p)), 5) for length, p in chances.items()}

    found = [within_lengths(drawn(), drawn()) < 0.05 for _ in range(2_000)]
    assert np.mean(found) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2_000)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])


def test_a_fall_is_fishers_test_of_short_against_long():
    counts: Counts = {5: (5, 5), 10: (4, 5), 30: (1, 5), 50: (0, 5)}
    expected = fisher([[9, 1], [1, 9]])
    assert falls(counts, (5, 10), (30, 50)) == pytest.approx(expected)
