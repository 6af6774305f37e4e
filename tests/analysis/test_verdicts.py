"""How often the words are wrong: stores of equal contenders, by the thousand.

A word is wrong where "beats" stands anywhere in a store whose contenders are equal; it
may in 5 stores of 100. Measured, in percent, the largest over 1, 3 and 6 tasks, 5 and
10 seeds, shares of solved runs from 0.1 to 0.95 and chances of rare ends from 0.02 to
0.5 (4,000 stores; of 6 contenders 2,000, of 20 500, of rare ends half as many):

    contenders   normal   all-or-none   mixed   steady and rare   alike   bad and good
    2            0.0      3.2           2.2     5.4               5.1     4.7
    6            0.0      1.2           0.6     2.9               4.7     3.6
    20           0.0      1.2           0.4     2.8               5.2     4.8
"""

import numpy as np
import pytest
from tests.analysis.simulated import (
    all_rare,
    bad_and_good,
    beats,
    bimodal,
    mixed,
    normal,
    overall_ends,
    split_of,
    steady_and_rare,
)

from nnarena.analysis.differences import differences
from nnarena.analysis.scores import Scores


LEVEL = 0.05
ROWS = (36, 45, 52, 60, 74, 85)
"""Rows of six small test sets."""


def allowed(stores: int, level: float = LEVEL) -> float:
    """Returns what a share of so many stores may be at a level, by chance."""
    return level + 3 * (level * (1 - level) / stores) ** 0.5


def stores_of(values: np.ndarray) -> list[Scores]:
    """Returns stores of `(stores, contenders, runs, tasks)` as the package has them."""
    names = tuple(f"c{n:02}" for n in range(values.shape[1]))
    tasks = tuple(f"t{n}" for n in range(values.shape[3]))
    return [
        Scores(names, tasks, own, frozenset(np.array(tasks)[split].tolist()))
        for own, split in zip(values, split_of(values), strict=True)
    ]


@pytest.mark.parametrize("draw", ["normal", "mixed"])
def test_thousands_at_once_say_what_the_package_says(draw):
    rng, shape = np.random.default_rng(0), (20, 4, 5, 3)
    values = normal(rng, shape) if draw == "normal" else mixed(rng, shape, 0.5)
    values[:, 0] += 0.8
    words = {"beats": 1, "is beaten by": -1, "cannot tell": 0}
    said = [
        [words[pair.answer] for pair in differences(store).pairs]
        for store in stores_of(values)
    ]
    np.testing.assert_array_equal(beats(values), said)
    assert 0 < np.abs(said).sum() < np.size(said)


@pytest.mark.parametrize("contenders", [2, 6])
def test_equal_contenders_are_not_told_apart(contenders):
    """The fast one of the simulations below."""
    rng, stores = np.random.default_rng(1), 1_000
    for values in (
        normal(rng, (stores, contenders, 5, 3)),
        mixed(rng, (stores, contenders, 5, 3), 0.5),
    ):
        assert beats(values).any(axis=1).mean() <= allowed(stores)


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 3, 6])
@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("contenders", [2, 6, 20])
def test_words_are_wrong_no_more_often_than_they_say(contenders, seeds, tasks):
    stores = {2: 4_000, 6: 2_000, 20: 500}[contenders]
    shape = (stores, contenders, seeds, tasks)
    rng = np.random.default_rng([contenders, seeds, tasks])
    draws = {"normal": normal(rng, shape)}
    for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.95):
        draws[f"bimodal {share}"] = bimodal(rng, shape, share)
    for share in (0.5, 0.9):
        draws[f"mixed {share}"] = mixed(rng, shape, share)
    wrong = {name: beats(own).any(axis=1).mean() for name, own in draws.items()}
    assert {n: w for n, w in wrong.items() if w > allowed(stores)} == {}


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 3, 6])
def test_what_is_said_of_unequal_contenders_is_right(tasks):
    """Six contenders whose merits differ: which way "beats" points."""
    rng, shape = np.random.default_rng(tasks), (4_000, 6, 5, tasks)
    merit = 0.3 * rng.normal(size=(4_000, 6, 1, 1))
    said = beats(normal(rng, shape) + merit, least=0.0)
    order = merit[:, :, 0, 0]
    first, second = np.triu_indices(6, 1)
    wrong = said * np.sign(order[:, first] - order[:, second]) < 0
    assert said.any()
    assert wrong.any(axis=1).mean() <= 0.01


def guesses(rng: np.random.Generator, stores: int, seeds: int, tasks: int, number: int):
    """Returns blind guessers' normalized accuracies on small test sets."""
    columns = []
    for place in range(tasks):
        rows, chance = ROWS[place], (0.5, 0.25)[place % 2]
        right = rng.binomial(rows, chance, size=(stores, number, seeds)) / rows
        columns.append((right - chance) / (1 - chance))
    return np.stack(columns, axis=-1)


def unequal(rng: np.random.Generator, stores: int, seeds: int, tasks: int, number: int):
    """Returns blind contenders of unequal spread, 0.05 and 0.4 in turn."""
    spread = np.where(np.arange(number) % 2 == 0, 0.05, 0.4)[:, None, None]
    return spread * rng.normal(size=(stores, number, seeds, tasks))


def two_sided(
    rng: np.random.Generator, stores: int, seeds: int, tasks: int, number: int
):
    """Returns blind contenders whose runs end half below chance and half above."""
    shape = (stores, number, seeds, tasks)
    return np.where(rng.random(shape) < 0.5, 0.5, -0.5) + 0.02 * rng.normal(size=shape)


BLIND = {"guesses": guesses, "unequal": unequal, "two-sided": two_sided}


@pytest.mark.slow
@pytest.mark.parametrize("blind", BLIND)
@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("tasks", [1, 3, 6])
@pytest.mark.parametrize("contenders", [2, 6])
def test_blind_contenders_hold_zero_and_beat_nobody(contenders, tasks, seeds, blind):
    """Scores that are averaged as they are do not reward those that vary.

    Measured: the intervals hold 0 in 93 to 98 % of 4,000 stores (of guessers in 94.5 to
    96 %), and "beats" is said in 0 to 4.2 %.
    """
    rng = np.random.default_rng([contenders, tasks, seeds])
    values = BLIND[blind](rng, 4_000, seeds, tasks, contenders)
    low, high = overall_ends(values)
    held = ((low <= 0) & (high >= 0)).mean(axis=0)
    wrong = beats(values).any(axis=1).mean()
    assert held.min() >= 0.92
    assert wrong <= allowed(4_000)


CHANCES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
"""Of a run to end badly: from what hardly ever shows to what always does."""


ACCURACY = -1 / 9
"""What a run counts that gets nothing right where one in ten is chance."""


def rare_draws(rng: np.random.Generator, shape: tuple[int, int, int, int]):
    """Yields stores of equal means in which runs end otherwise now and then.

    Each with its name and the least that a run of its tasks can count. Ends lie as far
    away as scores can, or nearer.
    """
    for chance in CHANCES:
        one = steady_and_rare(rng, shape, chance, end=-1.0)
        one[..., 1:] = 0.5 + 0.02 * rng.normal(size=one[..., 1:].shape)
        yield f"on one task {chance}", one, -1.0
        for level, end, least in (
            (0.95, -1.0, -1.0),
            (0.95, 0.0, ACCURACY),
            (0.95, 0.45, ACCURACY),
            (0.5, -0.1, ACCURACY),
            (-0.1, 1.0, ACCURACY),
            (-0.9, 1.0, -1.0),
            (0.0, 0.5, ACCURACY),
        ):
            ends = {"level": level, "end": end}
            name = f"from {level} to {end}, {chance}"
            yield name, steady_and_rare(rng, shape, chance, **ends), least
            scattered = steady_and_rare(rng, shape, chance, **ends, noise=0.1)
            yield f"scattered {name}", scattered, least
            yield f"all alike {name}", all_rare(rng, shape, chance, **ends), least
        yield f"bad and good {chance}", bad_and_good(rng, shape, chance), ACCURACY


def wrong_of(draws) -> dict[str, float]:
    """Returns in what share of stores "beats" stands anywhere, by their name."""
    return {
        name: float(beats(own, least=least).any(axis=1).mean())
        for name, own, least in draws
    }


@pytest.mark.parametrize("contenders", [2, 6])
def test_rare_ends_that_have_not_come_mislead_no_more_often(contenders):
    """The fast one: ends two scales away, which misled in 16 % of 2 contenders."""
    rng, stores = np.random.default_rng(5), 1_000
    values = steady_and_rare(rng, (stores, contenders, 5, 3), 0.115, end=-1.0)
    assert wrong_of([("", values, -1.0)])[""] <= allowed(stores)


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 3, 6])
@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("contenders", [2, 6, 20])
def test_rare_ends_mislead_no_more_often_than_it_says(contenders, seeds, tasks):
    stores = {2: 4_000, 6: 1_000, 20: 250}[contenders]
    rng = np.random.default_rng([contenders, seeds, tasks])
    wrong = wrong_of(rare_draws(rng, (stores, contenders, seeds, tasks)))
    assert {n: w for n, w in wrong.items() if w > allowed(stores)} == {}


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("seeds", [12, 25, 50])
def test_ends_that_come_too_seldom_mislead_little_more_often(seeds, tasks):
    """Of many seeds some show rare ends, though too few: 6.6 % at the most."""
    rng, shape = np.random.default_rng([seeds, tasks]), (2_500, 2, seeds, tasks)
    wrong = {
        (level, end, chance): wrong_of(
            [
                (
                    "",
                    steady_and_rare(rng, shape, chance, level=level, end=end),
                    min(end, 0.0),
                )
            ]
        )[""]
        for level in (0.85, 0.95)
        for end in (0.0, -1.0)
        for chance in (0.05, 0.09, 0.12, 0.16, 0.2, 0.25, 0.3, 0.37, 0.44, 0.5)
    }
    assert max(wrong.values()) <= allowed(2_500, 0.06)
