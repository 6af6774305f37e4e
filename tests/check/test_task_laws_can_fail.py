"""Every law of tasks is broken by a task made to break it, and by no other."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.check import TASK_LAWS, TaskCase, check_task, judge
from nnarena.core.scoring import Scoring, accuracy, mean_squared_error
from nnarena.core.types import (
    Classes,
    Example,
    Features,
    Sequence,
    Signature,
    Tokens,
    Values,
)
from nnarena.tasks import TASKS, AbstractForecast, AbstractTask, Splits
from nnarena.tasks.files import DataProblem


HALF = accuracy(chance=0.5)
SYMBOLS, LENGTH = 4, 3


def even_splits(key: jax.Array) -> Splits:
    keys = jax.random.split(key, 2_500)
    return Splits(train=None, validation=keys[:500], test=keys[500:])


def task_with(
    *,
    scoring: Scoring = HALF,
    flaw: Callable[[dict[str, Any]], Any] = lambda parts: None,
    splits: Callable[[jax.Array], Splits] = even_splits,
) -> type:
    """Returns a sound task, or one with a flaw that changes the parts of an example."""
    stated = scoring

    class Flawed(AbstractTask):
        """Is the first symbol odd? 3 0 1 -> 1; chance 1/2."""

        @property
        def signature(self):
            return Signature(Tokens(SYMBOLS), Classes(2))

        @property
        def scoring(self):
            return stated

        def splits(self, data, *, key):
            return splits(key)

        def example(self, row):
            xs = jax.random.randint(row, (LENGTH,), 0, SYMBOLS)
            parts = {
                "xs": xs,
                "dts": jnp.ones(LENGTH),
                "targets": xs[0] % 2,
                "present": None,
                "counts": None,
            }
            flaw(parts)
            question = Sequence(parts["xs"], parts["dts"], parts["present"])
            return Example(question, parts["targets"], parts["counts"])

    return Flawed


def change(**changes: Callable[[dict[str, Any]], Any]) -> Callable:
    """Returns the flaw that replaces parts of an example."""

    def flaw(parts):
        for name, new in changes.items():
            parts[name] = new(parts)

    return flaw


def with_overlap(key):
    keys = jax.random.split(key, 2_400)
    return Splits(train=None, validation=keys[:500], test=keys[400:])


def with_training_on_test(key):
    fair = even_splits(key)
    return Splits(train=fair.test, validation=fair.validation, test=fair.test)


def with_twins(count: int):
    """Returns splits of which so many rows are twice in training, and held out too."""

    def splits(key):
        keys = jax.random.split(key, 3_000)
        twins = keys[:count]
        train = jnp.concatenate([keys[:1_000], twins])
        held = jnp.concatenate([twins, keys[1_000 : 1_500 - count]])
        return Splits(train=train, validation=held, test=keys[1_500:])

    return splits


def unseeded(key):
    return even_splits(jax.random.key(int(np.random.default_rng().integers(2**30))))


def uneven(key):
    del key
    rows = np.zeros((4, 2)), np.zeros(3)
    return Splits(train=None, validation=rows, test=rows)


def without_file(key):
    raise DataProblem("the file odd.txt is missing; fetch it")


FLAWED_TASKS = {
    "none": (task_with(), {}),
    "a wrong chance": (
        task_with(scoring=accuracy(chance=0.25)),
        {"chance": "expected the best blind answer to score the stated chance 0.25"},
    ),
    "an answer that can be guessed": (
        task_with(flaw=change(targets=lambda p: (p["xs"][0] > 0).astype(jnp.int32))),
        {"chance": "the stated chance 0.5, but it scores 0.7"},
    ),
    "a best score that is not the best": (
        task_with(scoring=HALF.model_copy(update={"best": 0.95})),
        {"perfect": "expected a perfect answer to score 0.95, the best score"},
    ),
    "a bar below chance": (
        task_with(scoring=accuracy(chance=0.5, solved=0.4)),
        {"scoring": "between chance 0.5 and best 1, but it is 0.4"},
    ),
    "test rows in validation": (
        task_with(splits=with_overlap),
        {"splits": "no row to be in both test and validation, but 100 are"},
    ),
    "test rows in training": (
        task_with(splits=with_training_on_test),
        {"splits": "no row to be in both test and training, but 2000 are"},
    ),
    "a few rows that are alike by chance": (task_with(splits=with_twins(1)), {}),
    "rows that were copied before they were split": (
        task_with(splits=with_twins(50)),
        {"splits": "no row to be in both validation and training, but 50 are"},
    ),
    "other rows every time": (
        task_with(splits=unseeded),
        {"splits": "the same key to give the same test rows, but it gave others"},
    ),
    "tokens beyond the last": (
        task_with(flaw=change(xs=lambda p: p["xs"] + 1)),
        {"inputs": "expected tokens from 0 to 3, but they go from 1 to 4"},
    ),
    "no time between steps": (
        task_with(flaw=change(dts=lambda p: p["dts"].at[0].set(0.0))),
        {"inputs": "expected elapsed times above 0, but the least is 0"},
    ),
    "time in seconds": (
        task_with(flaw=change(dts=lambda p: jnp.full(LENGTH, 0.027))),
        {"time": "a mean gap between steps of 0.5 to 2.0, as time constants of cont"},
    ),
    "padding before the end": (
        task_with(flaw=change(present=lambda p: jnp.arange(LENGTH) != 1)),
        {"inputs": "expected `present` to be true for the first steps of a sequence"},
    ),
    "nothing but padding": (
        task_with(flaw=change(present=lambda p: jnp.arange(LENGTH) < p["xs"][1])),
        {"inputs": "expected `present` to be true for the first steps of a sequence"},
    ),
    "answers that do not count": (
        task_with(flaw=change(counts=lambda p: p["xs"][1] > 0)),
        {"targets": "expected an answer that counts in every example, but"},
    ),
    "rows that are all alike": (
        task_with(flaw=change(xs=lambda p: 0 * p["xs"], targets=lambda p: p["xs"][0])),
        {
            "rows": "to give different examples, but 64 rows gave the same one",
            "chance": "the stated chance 0.5, but it scores 1, and 4 standard errors",
        },
    ),
    "chance outside of the row": (
        task_with(
            flaw=change(dts=lambda p: p["dts"] + np.random.default_rng().random())
        ),
        {
            "compiled": "the same `question.dts` compiled among others as by itself",
            "rows": "expected the same row to give the same example, but it gave two",
        },
    ),
}
"""Tasks with the laws that they break, and words of the sentences that say so."""


def broken_laws() -> dict[str, str]:
    """Returns the laws that the flawed task breaks, and the sentences that say how."""
    case = TaskCase("flawed")
    verdicts = [judge(law, case) for law in TASK_LAWS]
    return {v.law: v.detail for v in verdicts if v.passed is False}


@pytest.mark.parametrize("flaw", FLAWED_TASKS)
def test_a_flawed_task_breaks_its_law_and_no_other(enter, flaw):
    make, expected = FLAWED_TASKS[flaw]
    enter(TASKS, make)
    found = broken_laws()
    assert set(found) == set(expected), found
    for law, words in expected.items():
        assert words in found[law]
        assert "\n" not in found[law]


def forecast_with(chance: float) -> type:
    """Returns a random walk whose next place is asked for."""

    class Walk(AbstractForecast):
        """Where next? 0 1 0 -> 1; chance 1."""

        @property
        def signature(self):
            return Signature(Features(1), Values(1))

        @property
        def scoring(self):
            return mean_squared_error(chance=chance, solved=chance / 2)

        def splits(self, data, *, key):
            return even_splits(key)

        def example(self, row):
            places = jnp.cumsum(jax.random.normal(row, (LENGTH + 1, 1)), axis=0)
            return Example(Sequence(places[:-1]), places[-1])

        def persistence(self, row):
            return self.example(row).question.xs[-1]

    return Walk


def test_chance_of_a_forecast_is_that_nothing_changes(enter):
    """The mean answer scores the variance of the sum of 4 steps, the last place 1."""
    enter(TASKS, forecast_with(1.0))
    assert broken_laws() == {}
    enter(TASKS, forecast_with(4.0))
    expected = "the best blind answer to score the stated chance 4, but it scores 1"
    assert expected in broken_laws()["chance"].replace("it scores 0.9", "it scores 1")


def test_targets_beyond_the_last_class(enter):
    enter(TASKS, task_with(flaw=change(targets=lambda p: p["xs"][0] % 2 + 1)))
    expected = "expected targets from 0 to 1, but they go from 1 to 2"
    assert broken_laws()["targets"] == expected


def test_a_metric_that_does_not_fit(enter):
    enter(TASKS, task_with(scoring=mean_squared_error(chance=0.5, solved=0.1)))
    assert broken_laws()["scoring"] == (
        "expected a metric and a loss of the task's answers, but mean squared error "
        "judges values, not classes: name another metric in the task's scoring"
    )


def test_arrays_of_unequal_length(enter):
    enter(TASKS, task_with(splits=uneven))
    expected = "to have equally many rows, but they have 3, 4"
    assert broken_laws()["splits"].endswith(expected)


def test_a_missing_file_is_no_broken_law(enter):
    enter(TASKS, task_with(splits=without_file))
    verdicts = {v.law: v for v in check_task("flawed")}
    judged = {law for law, verdict in verdicts.items() if verdict.passed is not None}
    assert judged == {"documented", "scoring"}
    assert verdicts["rows"].detail == "the file odd.txt is missing; fetch it"


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        (None, "expected a docstring of task_with.<locals>.Flawed, but it has none"),
        ("Odd or not, by chance.", "expected the docstring to draw an example with ->"),
        ("Odd or not: 3 0 1 -> 1.", "expected the docstring to state the chance level"),
    ],
)
def test_a_task_without_an_account(enter, docstring, sentence):
    make = task_with()
    make.__doc__ = docstring
    enter(TASKS, make)
    assert broken_laws()["documented"].startswith(sentence)
