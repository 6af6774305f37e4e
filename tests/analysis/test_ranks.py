"""Ranks and groups against autorank, scikit-posthocs, scipy and worked examples."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scikit_posthocs._plotting import _find_maximal_cliques
from scipy import stats
from tests.synthetic import make_record

from nnarena.analysis.frame import runs_frame
from nnarena.analysis.ranks import (
    cliques,
    friedman,
    least_tasks,
    nemenyi_difference,
    rank_table,
    task_ranks,
    wilcoxon_holm,
)
from nnarena.analysis.scores import Scores, scores_of


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
    assert "That takes 8 tasks" in found.note


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


def test_cliques_of_small_tables():
    far = np.array([[abs(i - j) > 1 for j in range(4)] for i in range(4)])
    assert cliques(far) == [(0, 1), (1, 2), (2, 3)]
    assert cliques(np.zeros((3, 3), bool)) == [(0, 1, 2)]
    assert cliques(~np.eye(3, dtype=bool)) == []
    # The first is like either of the others, which differ.
    assert cliques(np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0]])) == [(0, 1), (0, 2)]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8])
def test_cliques_are_those_of_scikit_posthocs(share):
    rng = np.random.default_rng(int(10 * share))
    for count in (3, 6, 10, 20):
        upper = np.triu(rng.random((count, count)) < share, 1)
        different = upper | upper.T
        names = [f"c{n:02}" for n in range(count)]
        alike = pd.DataFrame(~different & ~np.eye(count, dtype=bool), names, names)
        oracle = {
            tuple(sorted(int(name[1:]) for name in clique))
            for clique in _find_maximal_cliques(alike)
            if len(clique) > 1
        }
        found = cliques(different)
        assert len(found) == len(oracle)
        assert set(found) == oracle


def test_twenty_four_contenders_in_pairs_take_no_time():
    """Twelve pairs that differ within and not between: 4,096 groups."""
    different = np.kron(np.eye(12, dtype=int), 1 - np.eye(2, dtype=int))
    assert len(cliques(different)) == 2**12


def test_friedman_is_that_of_scipy_on_plain_means():
    """Ten contenders near chance on six small test sets, five seeds each.

    Of the same runs floored at blind, before their mean, it would be another.
    """
    rng = np.random.default_rng(11)
    spread = rng.uniform(0.02, 0.3, size=10)
    values = 0.05 + spread[:, None, None] * rng.normal(size=(10, 5, 6))
    records = [
        make_record(f"m{c}", "recall", s, score=v, task_settings={"n": t})
        for (c, s, t), v in np.ndenumerate(0.1 + 0.9 * np.clip(values, -1 / 9, 1))
    ]
    scores = scores_of(runs_frame(records))
    plain = np.clip(values, -1 / 9, 1).mean(axis=1)
    expected = stats.friedmanchisquare(*plain)[1]
    found = rank_table(scores)
    assert found is not None
    assert found.friedman == pytest.approx(expected, rel=1e-9)
    floored = np.clip(values, 0, 1).mean(axis=1)
    assert stats.friedmanchisquare(*floored)[1] < 0.05 < expected


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


def test_lengths_of_one_task_count_as_one():
    """Ranks ask what would come of other tasks, not of the same at other lengths."""
    rng = np.random.default_rng(3)
    values = rng.uniform(size=(3, 4, 6))
    tasks: tuple[str, ...] = ("a20", "a40", "a80", "b", "c", "d")
    series: dict[str, str] = dict.fromkeys(tasks[:3], "a")
    found = rank_table(Scores(("x", "y", "z"), tasks, values, series=series))
    assert found is not None
    assert found.tasks == ("a", "b", "c", "d")
    means = values.mean(axis=1)
    merged = np.column_stack([means[:, :3].mean(axis=1), means[:, 3:]])
    alone = rank_table(Scores(("x", "y", "z"), found.tasks, merged[:, None, :]))
    assert alone is not None
    assert found.average_ranks == alone.average_ranks
    assert found.p_values == alone.p_values
    one = Scores(("x", "y", "z"), tasks[:3], values[..., :3], series=series)
    assert rank_table(one) is None
