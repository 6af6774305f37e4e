"""ListOps: the official files' labels, the exact distribution, and LRA's figures."""

import itertools
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from nnarena.tasks.files import DataFolder, DataProblem
from nnarena.tasks.listops import ListOps
from nnarena.tasks.listops_chance import (
    expression_chances,
    length_chances,
    value_shares,
)
from nnarena.tasks.listops_rows import (
    END,
    ORIGINAL_WORDS,
    WORDS,
    Limits,
    _draw_levels,
    draw_expressions,
    evaluate,
)


ROOT = Path(os.environ.get("NNARENA_DATA") or "/nowhere")
KEY = jax.random.key(0)

PUBLISHED = Limits(depth=10, arguments=10, shortest=500, length=2_000)
SHORT = Limits(depth=10, arguments=10, shortest=50, length=200)


def tokens_of(text: str) -> np.ndarray:
    known = {word: token for token, word in enumerate(ORIGINAL_WORDS)}
    words = text.replace("(", " ").replace(")", " ").split()
    return np.array([known[word] for word in words], np.uint8)


def values_of(*texts: str) -> list[int]:
    rows = [tokens_of(text) for text in texts]
    lengths = np.array([len(row) for row in rows])
    return evaluate(np.concatenate(rows), np.cumsum(lengths) - lengths).tolist()


def test_expressions_are_worked_out():
    """By hand, in the form of both papers; a mean of two in the middle is truncated."""
    found = values_of(
        "[MAX 2 9 [MIN 4 7 ] 0 ]",
        "[SM 8 5 [MED 1 5 8 [MIN 9 2 ] ] 6 ]",
        "( ( ( ( ( [MED 1 ) 9 ) 2 ) 8 ) ] )",
        "[MED 3 7 4 ]",
        "7",
        "[LAST [FIRST 3 1 ] [SM 9 9 ] ]",
    )
    assert found == [9, 2, 5, 4, 7, 8]


@pytest.mark.parametrize("name", ["test_d20s", "test_d20a", "test_d20"])
def test_every_official_label_is_found(name):
    path = ROOT / "listops" / f"{name}.tsv"
    if not path.is_file():
        pytest.skip("NNARENA_DATA holds no listops")
    lines = path.read_text(encoding="ascii").splitlines()
    labels, texts = zip(*(line.split("\t") for line in lines), strict=True)
    assert len(labels) == 10_000
    assert values_of(*texts) == list(map(int, labels))


def test_draws_are_expressions():
    """Each is one operator, whose brackets close, within all limits, and once there."""
    limits = Limits(depth=4, arguments=5, shortest=10, length=40)
    drawn = draw_expressions(limits, 500, np.random.RandomState(1))
    rows = zip(drawn.tokens, drawn.lengths, strict=True)
    texts = {row[:length].tobytes() for row, length in rows}
    assert len(texts) == 500
    assert (drawn.lengths > 10).all()
    assert (drawn.lengths < 40).all()
    found, deepest, most = [], 0, 0
    for row, length in zip(drawn.tokens, drawn.lengths, strict=True):
        value, levels, arguments = worked_out([WORDS[t] for t in row[:length]])
        found.append(value)
        deepest, most = max(deepest, levels), max(most, arguments)
    assert found == drawn.values.tolist()
    assert (deepest, most) == (limits.depth - 1, limits.arguments)


def worked_out(words: list[str]) -> tuple[int, int, int]:
    """Returns a value by a stack, how deep operators stand, the most arguments."""
    rules = {
        "[MIN": min,
        "[MAX": max,
        "[MED": lambda some: int(np.median(some)),
        "[SM": lambda some: sum(some) % 10,
    }
    stack, deepest, most = [("", [])], 0, 0
    for word in words:
        if word == "]":
            operator, some = stack.pop()
            stack[-1][1].append(rules[operator](some))
            most = max(most, len(some))
            assert len(some) >= 2
        elif word in rules:
            stack.append((word, []))
            deepest = max(deepest, len(stack) - 1)
        else:
            stack[-1][1].append(int(word))
    ((_, (value,)),) = stack
    return value, deepest, most


@pytest.mark.parametrize("arguments", [2, 3, 4])
def test_the_exact_chances_are_those_of_every_expression(arguments):
    """Of two levels of operators, enumerated: values and lengths together."""
    limits = Limits(depth=3, arguments=arguments, shortest=0, length=16)
    digits = {(value, 1): 0.1 for value in range(10)}
    inner = listed(digits, arguments)
    nested = {**{k: 0.75 * p for k, p in digits.items()}}
    for place, chance in inner.items():
        nested[place] = nested.get(place, 0.0) + 0.25 * chance
    expected = np.zeros((10, limits.length))
    for (value, length), chance in listed(coarse(nested), arguments).items():
        if length < limits.length:
            expected[value, length] += chance
    np.testing.assert_allclose(expression_chances(limits), expected, atol=1e-9)


def coarse(chances: dict) -> dict:
    return {place: chance for place, chance in chances.items() if place[1] < 16}


def listed(chances: dict, arguments: int) -> dict:
    """Returns the chances of an operator on arguments of such, one argument a time."""
    found: dict[tuple[int, int], float] = {}
    several = {((), 2): 1.0}
    for count in range(1, arguments + 1):
        grown: dict = {}
        for (values, length), chance in several.items():
            for (value, more), share in chances.items():
                # The order of arguments does not matter to these operators.
                place = tuple(sorted((*values, value))), length + more
                if place[1] < 16:
                    grown[place] = grown.get(place, 0.0) + chance * share
        several = grown
        for (values, length), chance in several.items() if count > 1 else ():
            middle = int(np.median(values))
            for value in (values[0], values[-1], middle, sum(values) % 10):
                place = value, length
                found[place] = found.get(place, 0.0) + chance / 4 / (arguments - 1)
    return found


def test_lengths_are_those_on_record():
    """Of LRA's distribution: computed elsewhere by another convolution."""
    chances = length_chances(PUBLISHED)
    shares = chances / chances.sum()
    assert chances.sum() == pytest.approx(0.33, abs=0.005)
    assert chances.sum() / 4 == pytest.approx(0.083, abs=0.0005)
    assert shares @ np.arange(2_000) == pytest.approx(1_035, abs=0.5)
    quantiles = np.searchsorted(shares.cumsum(), [0.1, 0.5, 0.9]).tolist()
    assert quantiles == [577, 954, 1_643]


@pytest.mark.parametrize(
    ("limits", "rows"), [(PUBLISHED, 2_000), (SHORT, 6_000)], ids=["published", "short"]
)
def test_draws_are_of_the_exact_distribution(limits, rows):
    drawn = draw_expressions(limits, rows, np.random.RandomState(3))
    chances = length_chances(limits)
    shares = chances / chances.sum()
    mean = shares @ np.arange(limits.length)
    spread = (shares @ (np.arange(limits.length) - mean) ** 2 / rows) ** 0.5
    assert abs(drawn.lengths.mean() - mean) < 4 * spread
    for quantile in (0.1, 0.5, 0.9):
        place = np.searchsorted(shares.cumsum(), quantile)
        below = (drawn.lengths <= place).mean()
        error = (quantile * (1 - quantile) / rows) ** 0.5
        assert abs(below - shares.cumsum()[place]) < 4 * error
    values = np.bincount(drawn.values, minlength=10) / rows
    exact = value_shares(limits)
    assert (abs(values - exact) < 4 * (exact * (1 - exact) / rows) ** 0.5).all()


def test_draws_have_the_shares_of_the_published_generator():
    """Operators are even, as digits are; the record has about 154 operators each."""
    drawn = draw_expressions(PUBLISHED, 400, np.random.RandomState(4))
    there = np.arange(drawn.tokens.shape[1]) < drawn.lengths[:, None]
    counts = np.bincount(drawn.tokens[there], minlength=len(WORDS))
    digits, operators = counts[:10], counts[10:14]
    for some in (digits, operators):
        require_even(some)
    assert operators.sum() == counts[END]
    each = ((drawn.tokens == END) & there).sum(axis=1)
    assert abs(each.mean() - 154) < 4 * each.std() / 400**0.5 + 0.5


def require_even(counts: np.ndarray) -> None:
    share = 1 / len(counts)
    error = (share * (1 - share) / counts.sum()) ** 0.5
    assert (abs(counts / counts.sum() - share) < 4 * error).all()


def test_before_lengths_are_chosen_one_argument_of_four_is_an_operator():
    """And there are 2 to 10 arguments, evenly, at every depth down to the ninth."""
    levels, lengths = _draw_levels(
        PUBLISHED._replace(length=10**6), np.random.RandomState(5)
    )
    assert len(levels) == 9
    assert lengths.sum() == sum(level.own.sum() for level in levels)
    for level, inner in itertools.zip_longest(levels, levels[1:]):
        parents = np.array([], int) if inner is None else inner.parent
        nested = np.bincount(parents, minlength=len(level.own))
        arities = level.own - 2 + nested
        require_even(np.bincount(arities)[2:])
        share = nested.sum() / arities.sum()
        error = (3 / 16 / arities.sum()) ** 0.5
        assert share == 0.0 if inner is None else abs(share - 0.25) < 4 * error


def test_the_key_decides_the_rows_on_any_machine():
    task = ListOps(length=60, train=50, validation=10, test=10)
    splits: list[Any] = [
        task.splits(DataFolder(), key=jax.random.key(seed)) for seed in (0, 0, 1)
    ]
    first, again, other = splits
    same = jax.tree.map(np.array_equal, first, again)
    assert all(jax.tree.leaves(same))
    assert not np.array_equal(first.test.tokens, other.test.tokens)
    text = " ".join(WORDS[t] for t in first.train.tokens[0, : first.train.lengths[0]])
    assert text == "[MED 6 1 8 1 1 4 8 2 [SM 2 6 4 0 ] ]"


def test_an_example_is_read_to_its_end():
    task = ListOps(length=60, train=50, validation=10, test=10)
    splits: Any = task.splits(DataFolder(), key=KEY)
    row = jax.tree.map(lambda column: column[3], splits.test)
    example = jax.jit(task.example)(row)
    read = np.asarray(example.question.xs)[np.asarray(example.question.present)]
    assert worked_out([WORDS[token] for token in read])[0] == int(example.targets)
    assert task.signature.inputs.size == 15


def test_chance_is_the_share_of_the_most_frequent_value():
    assert ListOps().scoring.chance == pytest.approx(0.155, abs=5e-4)
    assert ListOps(length=2_000).scoring.chance == pytest.approx(0.1696, abs=5e-5)
    # Of two or more digits and one operator, by hand: all pairs.
    pairs = [
        value
        for a, b in itertools.product(range(10), repeat=2)
        for value in (min(a, b), max(a, b), (a + b) // 2, (a + b) % 10)
    ]
    task = ListOps(length=5, shortest=1, depth=2, arguments=2)
    assert task.scoring.chance == pytest.approx(max(np.bincount(pairs)) / 400)


BAD = {
    "no such length": ({"length": 20, "shortest": 19}, "of more than 19 and fewer"),
    "too long": ({"length": 2_000, "depth": 3}, "listops finds too few expressions"),
    "no list": ({"arguments": 1}, "arguments must be a whole number of at least 2"),
    "no tree": ({"depth": 1}, "depth must be a whole number of at least 2"),
}


@pytest.mark.parametrize(("settings", "words"), BAD.values(), ids=BAD)
def test_bad_settings_are_refused_in_a_sentence(settings, words):
    with pytest.raises(ValueError, match=words) as caught:
        ListOps(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"length": 5, "shortest": 1, "depth": 2, "arguments": 2}, "400 different"),
        ({"length": 8, "train": 5_000}, "too few to draw 9,000 that differ"),
    ],
    ids=["none left", "short ones run out"],
)
def test_more_rows_than_there_are_expressions_are_refused(settings, words):
    """What is left when the short ones have run out has another chance."""
    with pytest.raises(DataProblem, match=words):
        ListOps(**settings).splits(DataFolder(), key=KEY)


@pytest.mark.parametrize(
    "settings", [{"length": 20}, {"length": 60, "depth": 50}], ids=["short", "deep"]
)
def test_no_operators_at_the_last_depths_is_no_fault(settings):
    """Where all of a block are too long by then; values stay as frequent as told."""
    task = ListOps(**settings, train=10_000)
    splits: Any = task.splits(DataFolder(), key=KEY)
    counts = np.bincount(splits.train.values) / 10_000
    assert abs(counts.max() - task.scoring.chance) < 4 * (0.15 / 10_000) ** 0.5
    error = splits.train.lengths.std() / 2_000**0.5
    assert abs(splits.train.lengths.mean() - splits.test.lengths.mean()) < 4 * error
