"""Ranks and groups against autorank, scikit-posthocs, scipy and worked examples."""

from typing import Any

import numpy as np
import pytest
import scikit_posthocs
from scipy import stats

from nnarena.analysis.ranks import (
    cliques,
    friedman,
    least_tasks,
    nemenyi_difference,
    rank_table,
    task_ranks,
    wilcoxon_holm,
)
from nnarena.analysis.scores import Scores


FOUR_BY_TWO = np.array([[0.9, 0.5], [0.7, 0.5], [0.2, 0.8], [0.1, 0.1]])
"""Four contenders on two tasks."""


def many(seed: int = 0, contenders: int = 4, tasks: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    merit = np.linspace(0.8, 0.3, contenders)
    return merit[:, None] + 0.12 * rng.normal(size=(contenders, tasks))


def table(means: np.ndarray):
    names = tuple("abcdefghijklmnopqrstuvwxyz"[: len(means)])
    tasks = tuple(f"task {place}" for place in range(means.shape[1]))
    return rank_table(Scores(names, tasks, means[:, None, :]))


def test_ranks_of_four_contenders_on_two_tasks():
    ranks = task_ranks(FOUR_BY_TWO)
    np.testing.assert_array_equal(ranks, [[1, 2.5], [2, 2.5], [3, 1], [4, 4]])
    found = table(FOUR_BY_TWO)
    assert found is not None
    assert found.contenders == ("a", "c", "b", "d")
    assert found.average_ranks == (1.75, 2.0, 2.25, 4.0)
    assert found.cliques == (("a", "c", "b", "d"),)
    assert found.note is not None
    assert "that takes 8 tasks" in found.note


def test_friedman_in_closed_form():
    # Without ties: 12 m / (k (k + 1)) times the squared deviations of average ranks.
    means = many()
    average = task_ranks(means).mean(axis=1)
    statistic = 12 * 12 / (4 * 5) * ((average - 2.5) ** 2).sum()
    expected = stats.chi2.sf(statistic, 3)
    assert friedman(means) == pytest.approx(expected, rel=1e-9)
    assert friedman(np.ones((3, 4))) == 1.0
    with pytest.raises(ValueError, match="three contenders"):
        friedman(means[:2])


@pytest.mark.parametrize("seed", range(3))
def test_pairs_of_ranks_are_those_of_scikit_posthocs(seed):
    means = many(seed, contenders=5)
    oracle = scikit_posthocs.posthoc_wilcoxon(
        list(means), p_adjust="holm", zero_method="pratt"
    ).to_numpy()
    np.testing.assert_allclose(wilcoxon_holm(means), oracle, rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_ties_over_tasks_are_exact_too(seed):
    gaps = np.random.default_rng(seed).integers(-2, 4, size=9) / 10
    means = np.stack([gaps, np.zeros(9)])
    permuted: Any = stats.PermutationMethod()  # which scipy's annotations leave out
    _, p = stats.wilcoxon(gaps, zero_method="pratt", method=permuted)
    assert wilcoxon_holm(means)[0, 1] == pytest.approx(p, rel=1e-12)


def test_many_tasks_are_exact_too():
    gaps = np.random.default_rng(0).normal(0.2, 1.0, size=80)
    _, p = stats.wilcoxon(gaps, method="exact")
    means = np.stack([gaps, np.zeros(80)])
    assert wilcoxon_holm(means)[0, 1] == pytest.approx(p, rel=1e-9)


def test_the_least_p_over_tasks_is_exact():
    means = np.stack([np.arange(8) + 10.0, np.arange(8) * 0.5])
    assert wilcoxon_holm(means)[0, 1] == pytest.approx(2 / 2**8)
    tied = np.stack([np.full(8, 1.0), np.full(8, 0.5)])
    assert wilcoxon_holm(tied)[0, 1] == pytest.approx(2 / 2**8)
    assert wilcoxon_holm(np.ones((2, 8)))[0, 1] == 1.0


@pytest.mark.parametrize(
    ("contenders", "tasks"), [(6, 10), (13, 12), (20, 13), (30, 15)]
)
def test_how_many_tasks_are_needed(contenders, tasks):
    assert least_tasks(contenders) == tasks


@pytest.mark.parametrize(("tasks", "difference"), [(6, 7.45), (12, 5.27), (20, 4.08)])
def test_nemenyi_of_thirteen_contenders(tasks, difference):
    assert nemenyi_difference(13, tasks) == pytest.approx(difference, abs=0.005)


def test_ranks_and_nemenyi_are_those_of_autorank():
    """Of autorank 1.3.0, frequentist and forced to be nonparametric.

    Recorded, since its package also installs one that is called tests.
    """
    found = table(many(contenders=5, tasks=20))
    assert found is not None
    assert found.friedman == pytest.approx(3.37682397573673e-11)
    # It keeps its critical values to five digits.
    assert found.critical_difference == pytest.approx(1.3638754419345194, rel=2e-5)
    theirs = {"e": 4.85, "d": 3.7, "c": 2.75, "b": 2.2, "a": 1.5}
    assert dict(zip(found.contenders, found.average_ranks, strict=True)) == theirs


def test_cliques_are_the_widest_runs_of_neighbors():
    far = np.array([[abs(i - j) > 1 for j in range(4)] for i in range(4)])
    assert cliques(far) == [range(0, 2), range(1, 3), range(2, 4)]
    assert cliques(np.zeros((3, 3), bool)) == [range(0, 3)]
    assert cliques(~np.eye(3, dtype=bool)) == []
    # The ends differ, and so do second and third: only the last two are alike.
    split = np.zeros((4, 4), bool)
    for i, j in [(0, 3), (1, 2), (0, 2), (1, 3), (0, 1)]:
        split[i, j] = split[j, i] = True
    assert cliques(split) == [range(2, 4)]


def test_contenders_far_apart_share_no_clique():
    means = np.repeat([[0.9], [0.5], [0.1]], 12, axis=1) + 0.01 * many(1, 3)
    found = table(means)
    assert found is not None
    assert found.cliques == ()
    assert found.note is None
    assert found.p_values[0][1] == pytest.approx(3 * 2 / 2**12)


def test_who_lacks_a_task_is_left_out_and_named():
    values = many(contenders=3)[:, None, :].copy()
    values[1, 0, 4] = np.nan
    found = rank_table(Scores(("a", "b", "c"), tuple("abcdefghijkl"), values))
    assert found is not None
    assert (found.contenders, found.left_out) == (("a", "c"), ("b",))
    assert found.friedman is None
    assert table(many()[:1]) is None
    assert table(many()[:, :1]) is None
