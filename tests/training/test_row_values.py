"""Rows that would end every run as diverged are told of before anything is trained."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import pytest

from nnarena.core.faults import EntrantProblem
from nnarena.core.scoring import (
    Scoring,
    accuracy,
    auroc,
    average_precision,
    macro_f1,
    mean_squared_error,
)
from nnarena.core.types import (
    Classes,
    Example,
    Features,
    Labels,
    Outputs,
    Sequence,
    Signature,
    Tokens,
    Values,
)
from nnarena.tasks import AbstractTask, Splits
from nnarena.training.row_values import require_values


NAN = float("nan")


class Given(AbstractTask):
    """Rows as they are given: an input, an elapsed time and a target."""

    outputs: Outputs
    metric: Scoring = eqx.field(static=True)
    rows: Splits

    def __init__(self, outputs: Outputs, metric: Scoring, rows: Splits):
        self.outputs, self.metric, self.rows = outputs, metric, rows

    @property
    def signature(self):
        return Signature(Features(1), self.outputs)

    @property
    def scoring(self):
        return self.metric

    def splits(self, data, *, key):
        return self.rows

    def example(self, row):
        x, dt, target = row
        question = Sequence(x.reshape(1, 1), dt.reshape(1))
        return Example(question, target)


def given(outputs: Outputs, scoring: Scoring, **splits: tuple) -> Given:
    """Returns a task of two sound rows in every split but those that are named."""
    targets: Any = {
        Classes: jnp.array([0, 1]),
        Labels: jnp.array([[True, False], [False, True]]),
        Values: jnp.array([[0.0], [1.0]]),
    }[type(outputs)]
    sound = (jnp.array([0.1, 0.2]), jnp.ones(2), targets)
    rows = dict.fromkeys(("train", "validation", "test"), sound)
    changed = {
        part: tuple(b if b is not None else a for a, b in zip(sound, row, strict=True))
        for part, row in splits.items()
    }
    return Given(outputs, scoring, Splits(**{**rows, **changed}))


VALUES = (Values(1), mean_squared_error(chance=1.0, solved=0.1))
TWO, THREE, PAIR = Classes(2), Classes(3), Labels(2)
HOLED = jnp.array([0.1, NAN])

FLAWS = {
    "inputs": (
        given(*VALUES, train=(HOLED, None, None)),
        "inputs that are not finite in 1 of 2 examples of its train split, the first "
        "at row 1",
    ),
    "times": (
        given(*VALUES, test=(None, jnp.array([jnp.inf, 1.0]), None)),
        "elapsed times that are not finite in 1 of 2 examples of its test split, the "
        "first at row 0",
    ),
    "targets": (
        given(*VALUES, validation=(None, None, jnp.array([[NAN], [NAN]]))),
        "targets that are not finite in 2 of 2 examples of its validation split",
    ),
    "one class": (
        given(TWO, auroc(), validation=(None, None, jnp.array([1, 1]))),
        "a validation split that AUROC cannot score: all of its answers are class 1; "
        "hold out rows",
    ),
    "no positive": (
        given(TWO, average_precision(chance=0.5), test=(None, None, jnp.array([0, 0]))),
        "a test split that average precision cannot score: all of its answers are "
        "class 0",
    ),
    "same labels": (
        given(PAIR, auroc(), test=(None, None, jnp.array([[True, False]] * 2))),
        "a test split that AUROC cannot score: none of its labels is true of some "
        "answers and false of others",
    ),
}


class Told(AbstractTask):
    """Ten rows of one example, to be changed in one place: tokens, told at each step.

    xs 0 1 2 0   targets 0 1 0 1   counts all but the last
    """

    changes: dict[str, Any] = eqx.field(static=True)

    @property
    def signature(self):
        return Signature(Tokens(3), Classes(2), "every step", causal=True)

    @property
    def scoring(self):
        return accuracy(chance=0.5)

    def splits(self, data, *, key):
        rows = jnp.arange(10)
        return Splits(train=rows, validation=rows, test=rows)

    def example(self, row):
        given = {
            "xs": jnp.array([0, 1, 2, 0]),
            "dts": jnp.ones(4),
            "present": jnp.array([True, True, True, False]),
            "targets": jnp.array([0, 1, 0, 1]),
            "counts": jnp.array([True, True, True, False]),
        }
        changed = {
            name: jnp.where(row == 7, jnp.array(value, given[name].dtype), given[name])
            for name, value in self.changes.items()
        }
        given = {**given, **changed}
        asked = Sequence(given["xs"], given["dts"], given["present"])
        return Example(asked, given["targets"], given["counts"])


def told(changes: dict[str, Any], make: Any = Told) -> Any:
    return make(changes=changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"xs": [0, 3, 0, 0]}, "tokens that are not among those of its signature"),
        ({"xs": [-1, 0, 0, 0]}, "tokens that are not among those of its signature"),
        ({"dts": [1.0, -1.0, 1.0, 1.0]}, "elapsed times below 0"),
        ({"present": [True, False, True, False]}, "a step that is there after one"),
        ({"present": [False] * 4}, "a step that is there after one that is not, or no"),
        ({"targets": [0, 2, 0, 0]}, "classes that are not among those of its"),
        ({"targets": [0, -1, 0, 0]}, "classes that are not among those of its"),
    ],
)
def test_what_would_be_read_as_something_else_is_told(changes, says):
    task: Any = told(changes)
    with pytest.raises(EntrantProblem) as caught:
        require_values(task, task.splits(None, key=None))
    assert says in str(caught.value)
    assert "in 1 of 10 examples of its train split, the first at row 7" in str(
        caught.value
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"targets": [0, 1, 0, -1]},  # it does not count
        {"counts": [False] * 4},  # in one example; others are judged
        {"dts": [0.0, 0.0, 1.0, 1.0]},  # at one time; `arena check` says more
    ],
)
def test_what_harms_nobody_passes(changes):
    task: Any = told(changes)
    require_values(task, task.splits(None, key=None))


def test_a_split_of_which_nothing_is_judged_is_told():
    class Silent(Told):
        def example(self, row):
            found = super().example(row)
            return eqx.tree_at(lambda e: e.counts, found, jnp.zeros(4, bool))

    task: Any = told({}, Silent)
    with pytest.raises(EntrantProblem, match="no answer that counts in any of the 10"):
        require_values(task, task.splits(None, key=None))


@pytest.mark.parametrize("name", FLAWS)
def test_what_no_model_can_help_is_told(name):
    task, says = FLAWS[name]
    with pytest.raises(EntrantProblem) as caught:
        require_values(task, task.rows)
    assert says in str(caught.value)
    assert "test_row_values.py, line" in str(caught.value)


@pytest.mark.parametrize(
    "task",
    [
        given(*VALUES),
        given(TWO, auroc()),
        given(PAIR, auroc()),
        given(THREE, auroc()),  # a class is missing everywhere, and others are there
        given(TWO, macro_f1(chance=0.5), test=(None, None, jnp.array([1, 1]))),
        given(TWO, accuracy(chance=0.5), test=(None, None, jnp.array([1, 1]))),
    ],
)
def test_rows_that_can_be_scored_pass(task):
    require_values(task, task.rows)


def test_rows_to_be_drawn_are_judged_by_those_held_out():
    sound, holed = given(*VALUES).rows, (HOLED, jnp.ones(2), jnp.ones((2, 1)))
    task = given(*VALUES)
    splits = Splits(train=None, validation=sound.validation, test=holed)
    with pytest.raises(EntrantProblem, match="in 1 of 2 examples of its test split"):
        require_values(task, splits)
