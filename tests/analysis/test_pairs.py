"""Pairs against scipy, statsmodels, worked examples and simulation."""

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
    seeds_needed,
    smallest_p,
    stars,
    superiority,
    superiority_interval,
    superiority_test,
    why_no_stars,
)
from nnarena.analysis.scores import Scores


SOURCE = np.random.default_rng(4)


@pytest.mark.parametrize("trials", [2, 5, 6, 10])
def test_the_test_of_superiority_is_the_binomial_one(trials):
    for won in range(trials + 1):
        oracle = stats.binomtest(won, trials)
        runs = trials, trials + 3
        p = superiority_test(won / trials, *runs)
        assert p == pytest.approx(oracle.pvalue, rel=1e-9)
        found = superiority_interval(won / trials, *runs)
        ends = oracle.proportion_ci(0.95, method="exact")
        np.testing.assert_allclose(found, (ends.low, ends.high), atol=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.42, 0.5, 0.71, 1.0])
@pytest.mark.parametrize("runs", [(2, 9), (5, 5), (12, 7)])
def test_the_interval_says_what_the_test_says(share, runs):
    p = superiority_test(share, *runs)
    assert superiority_test(1 - share, *runs) == pytest.approx(p)
    for confidence in (0.5, 0.9, 0.95, 0.99):
        low, high = superiority_interval(share, *runs, confidence)
        assert 0.0 <= low <= share <= high <= 1.0
        assert (not low <= 0.5 <= high) == (p < 1 - confidence)
        mirrored = superiority_interval(1 - share, *runs, confidence)
        np.testing.assert_allclose(mirrored, (1 - high, 1 - low), atol=1e-9)


@pytest.mark.parametrize(("seeds", "p"), [(3, 0.25), (5, 0.0625), (6, 0.03125)])
def test_the_least_p_is_the_one_of_runs_that_do_not_overlap(seeds, p):
    apart = superiority(np.arange(seeds) + 100.0, np.arange(seeds) * 1.0)
    assert superiority_test(apart, seeds, seeds) == smallest_p(seeds, seeds)
    assert smallest_p(seeds, seeds) == pytest.approx(p)
    assert smallest_p(seeds, 50) == pytest.approx(p)


def test_holm_is_that_of_statsmodels():
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.5, 0.03])
    oracle = np.asarray(multipletests(p, method="holm")[1])
    np.testing.assert_allclose(holm(p), oracle)
    assert holm([]).size == 0


def test_superiority_counted_by_hand():
    assert superiority(np.array([1.0, 3.0]), np.array([0.0, 3.0])) == 5 / 8
    assert superiority(np.array([2.0, 2.0]), np.array([1.0])) == 1.0


def test_effect_size_by_hand():
    # Means 3 and 1, both variances 1, four degrees of freedom: 2 J(4), J = 0.79788.
    first, second = np.array([2.0, 3.0, 4.0]), np.array([0.0, 1.0, 2.0])
    assert hedges(first, second) == pytest.approx(2 * 0.797885, rel=1e-5)
    assert hedges(np.ones(3), np.zeros(3)) is None
    assert hedges(np.ones(1), np.zeros(1)) is None
    assert hedges(np.ones(1), np.array([0.0, 1.0])) is None  # the correction is 0


def test_five_seeds_can_give_no_star_and_it_says_why():
    """Five of five may be heads: two times in 32."""
    assert [stars(p) for p in (0.2, 0.04, 0.009, 0.0001)] == ["", "*", "**", "***"]
    assert why((5, 5)) == (
        "No star can be given: the least p that 5 runs against 5 can give is 0.062; "
        "that takes 6 seeds."
    )
    assert why((6, 6)) is None


def test_many_pairs_can_put_stars_out_of_reach():
    reason = why(*[(6, 6)] * 15)
    assert reason is not None
    assert "6 runs against 6 can give is 0.031, over 15 tests 0.47" in reason
    assert "takes 10 seeds" in reason
    assert seeds_needed(15) == 10
    assert why(*[(10, 10)] * 15) is None


def test_a_pair_s_own_runs_decide_whether_it_can_have_a_star():
    assert why((6, 6), (3, 3)) is not None  # 2 / 32, of two tests
    assert why((7, 7), (3, 3)) is None
    assert why((7, 9), (9, 7), (6, 30)) is None
    reason = why((5, 30), (4, 9))
    assert reason is not None
    assert "5 runs against 30 can give is 0.062, over 2 tests 0.12" in reason


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
                stars="",
            )
            for n in runs
        ]
    )


def scores() -> Scores:
    values = np.full((3, 9, 2), np.nan)
    values[0] = np.linspace(0.8, 0.9, 9)[:, None]
    values[1] = np.linspace(0.1, 0.3, 9)[:, None]
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
    least = 2 / 2**9
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


@pytest.mark.parametrize("contenders", [2, 6])
def test_better_on_a_task_is_said_of_equals_in_one_store_of_twenty(contenders):
    """Of all pairs and tasks at once; for each pair alone it was 37 of 100 stores."""
    rng, stores = np.random.default_rng(contenders), 150
    alike = rng.normal(size=(stores, contenders, 10, 3))
    assert said_better(alike) <= 0.05 + 3 * (0.05 * 0.95 / stores) ** 0.5


@pytest.mark.parametrize("seeds", [5, 7, 10])
def test_a_steady_contender_is_no_better_than_one_half_above_and_half_below(seeds):
    """The exact rank test called it better, or worse, in 18 of 100 such stores."""
    rng, stores = np.random.default_rng(seeds), 400
    values = np.where(rng.random((stores, 2, seeds, 3)) < 0.5, 0.05, 0.95)
    values[:, 0] = 0.5
    values += 0.01 * rng.normal(size=values.shape)
    assert said_better(values) <= 0.05 + 3 * (0.05 * 0.95 / stores) ** 0.5


def said_better(stores: np.ndarray) -> float:
    """Returns in what share of stores a contender is better than another on a task."""
    names = tuple("abcdef"[: stores.shape[1]]), ("t0", "t1", "t2")
    found = [all_pairs(Scores(*names, values)) for values in stores]
    return float(np.mean([any(pair.settled for pair in pairs) for pairs in found]))
