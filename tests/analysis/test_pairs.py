"""Pairs against brute force, scipy, statsmodels and worked examples."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from nnarena.analysis.intervals import Interval
from nnarena.analysis.pairs import (
    Pair,
    adjusted,
    all_pairs,
    at_best,
    hedges,
    holm,
    pairs_of,
    rank_test,
    seeds_needed,
    smallest_p,
    stars,
    superiority,
    superiority_interval,
    why_no_stars,
)
from nnarena.analysis.scores import Scores


SOURCE = np.random.default_rng(4)


@pytest.mark.parametrize(("n", "m"), [(3, 3), (4, 5), (6, 6), (10, 9)])
def test_the_rank_test_without_ties_is_scipys(n, m):
    first, second = SOURCE.normal(size=n), SOURCE.normal(size=m) + 0.7
    oracle = stats.mannwhitneyu(first, second, method="exact").pvalue
    assert rank_test(first, second) == pytest.approx(oracle, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_rank_test_with_ties_counts_every_deal(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 3, 5) * 1.0, rng.integers(0, 4, 4) * 1.0
    ranks = stats.rankdata(np.concatenate([first, second]))
    sums = [sum(ranks[list(deal)]) for deal in combinations(range(9), 5)]
    gaps = np.abs(np.array(sums) - 5 * ranks.mean())
    expected = np.mean(gaps >= gaps[0] - 1e-9)
    assert rank_test(first, second) == pytest.approx(expected, rel=1e-12)


def test_many_runs_take_the_normal_approximation():
    first, second = SOURCE.normal(size=40), SOURCE.normal(size=40) + 0.4
    exact = stats.mannwhitneyu(first, second, method="exact").pvalue
    assert rank_test(first, second) == pytest.approx(exact, rel=0.02)


def test_the_rank_test_holds_its_level():
    rng, trials = np.random.default_rng(0), 2_000
    p = [rank_test(*rng.normal(size=(2, 6))) for _ in range(trials)]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.05
    assert rank_test(np.ones(5), np.ones(5)) == 1.0
    with pytest.raises(ValueError, match="needs runs of both"):
        rank_test(np.array([]), np.ones(2))


@pytest.mark.parametrize(
    ("seeds", "p"), [(3, 0.1), (4, 0.0286), (5, 0.00794), (6, 0.00216)]
)
def test_the_least_p_is_the_one_of_runs_that_do_not_overlap(seeds, p):
    apart = rank_test(np.arange(seeds) * 1.0, np.arange(seeds) + 100.0)
    assert smallest_p(seeds, seeds) == pytest.approx(apart, rel=1e-12)
    assert apart == pytest.approx(p, rel=0.01)


def test_holm_is_that_of_statsmodels():
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.5, 0.03])
    oracle = np.asarray(multipletests(p, method="holm")[1])
    np.testing.assert_allclose(holm(p), oracle)
    assert holm([]).size == 0


def test_superiority_counted_by_hand():
    assert superiority(np.array([1.0, 3.0]), np.array([0.0, 3.0])) == 5 / 8
    assert superiority(np.array([2.0, 2.0]), np.array([1.0])) == 1.0


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.96, 1.0])
@pytest.mark.parametrize("runs", [2, 5, 12])
def test_the_interval_of_superiority_solves_its_equation(share, runs):
    low, high = superiority_interval(share, runs, runs)
    assert 0.0 <= low <= share <= high <= 1.0
    assert high - low > 0.05
    mirrored = superiority_interval(1 - share, runs, runs)
    np.testing.assert_allclose(mirrored, (1 - high, 1 - low), atol=1e-6)
    for end in {low, high} - {0.0, 1.0}:
        growth = 1 + (runs - 1) * ((1 - end) / (2 - end) + end / (1 + end))
        spread = math.sqrt(end * (1 - end) * growth) / runs
        assert abs(end - share) == pytest.approx(1.959964 * spread, abs=1e-6)


def test_effect_size_by_hand():
    # Means 3 and 1, both variances 1, four degrees of freedom: 2 J(4), J = 0.79788.
    first, second = np.array([2.0, 3.0, 4.0]), np.array([0.0, 1.0, 2.0])
    assert hedges(first, second) == pytest.approx(2 * 0.797885, rel=1e-5)
    assert hedges(np.ones(3), np.zeros(3)) is None
    assert hedges(np.ones(1), np.zeros(1)) is None
    assert hedges(np.ones(1), np.array([0.0, 1.0])) is None  # the correction is 0


def test_stars_are_refused_below_five_seeds_and_it_says_why():
    assert [stars(p, 5) for p in (0.2, 0.04, 0.009, 0.0001)] == ["", "*", "**", "***"]
    assert stars(0.001, 4) is None
    reason = why((3, 3))
    assert reason is not None
    assert "3 against 3 can give is 0.1" in reason
    assert why((5, 5)) is None


def test_many_pairs_can_put_stars_out_of_reach():
    reason = why(*[(5, 5)] * 15)
    assert reason is not None
    assert "takes 6 seeds" in reason
    assert seeds_needed(15) == 6
    assert why(*[(6, 6)] * 15) is None


def test_a_pair_s_own_runs_decide_whether_it_can_have_a_star():
    assert why((5, 5), (3, 3)) is None
    assert why(*[(5, 10)] * 7) is None  # 7 * 2 / C(15, 5) = 0.0047
    reason = why((3, 3), (4, 9), (4, 4))
    assert reason is not None
    assert "4 seeds are fewer than 5" in reason
    assert "4 against 9 can give is 0.0028" in reason
    reason = why(*[(5, 5)] * 7)
    assert reason is not None
    assert "5 against 5 seeds can give is 0.0079, over 7 tests 0.056" in reason
    # A pair that is out of the question itself takes the place of the least p.
    assert why(*[(5, 5)] * 6, (4, 30)) is None


def test_a_star_that_ties_allow_is_not_denied():
    """Where runs of unequal number tie, only one tail may be as far out: p halves."""
    ours, theirs = np.arange(5) + 1.0, np.zeros(6)
    pair = replace(family((5, 6))[0], p=rank_test(ours, theirs))
    assert pair.p == pytest.approx(smallest_p(5, 6) / 2)
    blank = family(*[(5, 6)] * 17)
    assert why_no_stars(at_best((*blank, *family((5, 6)))), 18) is not None
    assert why_no_stars(at_best((*blank, pair)), 18) is None


def why(*runs: tuple[int, int]) -> str | None:
    """Returns why no pair of so many runs each can have a star."""
    return why_no_stars(at_best(family(*runs)), len(runs))


def family(*runs: tuple[int, int]) -> tuple[Pair, ...]:
    """Returns pairs of so many runs each, which nothing tells apart."""
    blank = Interval(0.0, 1.0)
    return adjusted(
        [
            Pair(
                *("copy", "gru", "lstm", n, (0.5, 0.5), 0.5, blank, None, 1.0, 1.0),
                stars=None,
                few=min(n) < 5,
            )
            for n in runs
        ]
    )


def scores() -> Scores:
    values = np.full((3, 5, 2), np.nan)
    values[0] = np.linspace(0.8, 0.9, 5)[:, None]
    values[1] = np.linspace(0.1, 0.3, 5)[:, None]
    values[2, :, 0] = 0.2
    return Scores(("gru", "lstm", "elman"), ("copy", "add"), values)


def test_every_pair_on_every_task_is_one_family():
    pairs = all_pairs(scores())
    assert [(p.task, p.first, p.second) for p in pairs] == [
        ("copy", "gru", "lstm"),
        ("copy", "gru", "elman"),
        ("copy", "lstm", "elman"),
        ("add", "gru", "lstm"),
    ]
    least = 2 / math.comb(10, 5)
    assert (pairs[0].p, pairs[0].adjusted) == pytest.approx((least, 4 * least))
    assert pairs[0].stars == "*"
    assert pairs[2].superiority == 0.5
    assert not pairs[2].settled


def test_two_contenders_meet_on_the_tasks_that_both_have():
    family = all_pairs(scores())
    assert [p.task for p in pairs_of(family, "gru", "elman")] == ["copy"]
    assert pairs_of(family, "gru", "lstm") == (family[0], family[3])
    both = pairs_of(family, "lstm", "gru")
    assert [p.task for p in both] == ["copy", "add"]
    assert all(p.superiority == 0.0 and p.effect and p.effect < 0 for p in both)
    assert [p.swapped() for p in both] == [family[0], family[3]]
    assert pairs_of(family, "lstm", "rnn") == ()


def test_few_runs_are_said_to_be_few():
    values = np.random.default_rng(0).normal(size=(2, 5, 2))
    values[1, 4, 1] = np.nan
    pairs = all_pairs(Scores(("gru", "lstm"), ("add", "copy"), values))
    assert [(pair.runs, pair.few) for pair in pairs] == [
        ((5, 5), False),
        ((5, 4), True),
    ]


@pytest.mark.parametrize("contenders", [2, 6])
def test_better_on_a_task_is_said_of_equals_in_one_store_of_twenty(contenders):
    """Of all pairs and tasks at once; for each pair alone it was 37 of 100 stores."""
    rng, stores = np.random.default_rng(contenders), 150
    names = tuple("abcdef"[:contenders]), ("t0", "t1", "t2")
    said = [
        any(pair.settled for pair in all_pairs(Scores(*names, values)))
        for values in rng.normal(size=(stores, contenders, 10, 3))
    ]
    assert np.mean(said) <= 0.05 + 3 * (0.05 * 0.95 / stores) ** 0.5
