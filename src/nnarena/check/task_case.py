"""A task under test: its rows, and some of its examples as numpy arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..core.registry import Entry
from ..core.seeds import key_for
from ..core.types import Example
from ..tasks import TASKS
from ..tasks.base import AbstractForecast, AbstractTask, Rows, Splits
from ..tasks.files import DataFolder
from ..tasks.inspection import make_sound_task, sound_splits
from ..training.row_values import require_values
from .laws import require
from .quick import quick_jit


FEW = 64
"""How many whole examples the laws about single examples look at."""

MANY = 2_000
"""How many answers the laws about scores look at, at most."""


@dataclass(frozen=True)
class Answers:
    """Right answers to many rows, and which of them are judged."""

    targets: np.ndarray
    counts: np.ndarray


@quick_jit
def make_examples(task: AbstractTask, rows: Rows) -> Example:
    """Returns the examples of several rows, by `jax.vmap`, compiled."""
    return jax.vmap(task.example)(rows)


@quick_jit
def _make_answers(task: AbstractTask, rows: Rows) -> tuple[Array, Array]:
    answers = task.signature.answers

    def one(row: PyTree) -> tuple[Array, Array]:
        example = task.example(row)
        return example.targets, example.judged(answers)

    return jax.vmap(one)(rows)


@quick_jit
def _make_persistence(task: AbstractForecast, rows: Rows) -> Array:
    return jax.vmap(task.persistence)(rows)


class TaskCase:
    """A registered task with some settings, ready to be held to the laws.

    Raises:
        UnknownName: no task carries the name.
        ValueError: the task has no setting of that name.
    """

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Any] | None = None,
        data: DataFolder | None = None,
    ):
        self.name = name
        self.entry: Entry = TASKS[name]
        self.settings = self.entry.settings(settings or {})
        self.data = data or DataFolder()

    def require_sound(self) -> None:
        """Returns if the task can be made and its rows become examples, as traced.

        Raises:
            DataProblem: a file is missing or wrong.
            EntrantProblem: it cannot; with file and line.
        """
        entry = self.entry
        # A wrong setting of a task of the package needs no file and line.
        task = make_sound_task(entry, self.settings) if entry.outside else self.task
        splits = sound_splits(task, self.name, self.data)
        if entry.outside:
            require_values(task, splits)

    # What follows is made when a law first asks: what it raises is then a verdict.

    @cached_property
    def task(self) -> AbstractTask:
        return self.entry.make(**self.settings)

    @cached_property
    def splits(self) -> Splits:
        return self.make_splits()

    def make_splits(self) -> Splits:
        """Returns the rows as a run gets them, made afresh."""
        return self.task.splits(self.data, key=key_for("data", self.name))

    @cached_property
    def examples(self) -> Example:
        """A few examples of the test split, with a leading axis."""
        rows = spread(self.splits.test, FEW)
        return jax.tree.map(np.asarray, make_examples(self.task, rows))

    @cached_property
    def test_answers(self) -> Answers:
        """The answers of the test split."""
        return self._answers(spread(self.splits.test, MANY))

    @cached_property
    def validation_answers(self) -> Answers:
        """The answers of the validation split."""
        return self._answers(spread(self.splits.validation, MANY))

    @cached_property
    def training_answers(self) -> Answers:
        """Answers met in training, of recorded rows or of rows drawn like them."""
        train = self.splits.train
        if train is None:
            train = jax.random.split(key_for("order", 0, self.name), MANY)
        return self._answers(spread(train, MANY))

    @cached_property
    def persistence(self) -> np.ndarray | None:
        """What a forecast of no change answers to the test split, if it is a forecast.

        The answers stand in the order of `test_answers`.
        """
        if not isinstance(self.task, AbstractForecast):
            return None
        rows = spread(self.splits.test, MANY)
        return np.asarray(_make_persistence(self.task, rows))

    def _answers(self, rows: Rows) -> Answers:
        return Answers(*map(np.asarray, _make_answers(self.task, rows)))


def count_rows(rows: Rows) -> int:
    """Returns how many rows there are.

    Raises:
        LawBroken: there are none, or the arrays disagree.
    """
    sizes = {leaf.shape[0] for leaf in jax.tree.leaves(rows)}
    require(
        len(sizes) == 1 and min(sizes) > 0,
        f"expected all arrays of a split to have equally many rows, but they have "
        f"{', '.join(map(str, sorted(sizes))) or 'none'}",
    )
    return sizes.pop()


def spread(rows: Rows, limit: int) -> Rows:
    """Returns at most `limit` rows, evenly spread over all of them."""
    size = count_rows(rows)
    chosen = np.arange(min(size, limit)) * size // min(size, limit)
    return jax.tree.map(lambda column: jnp.asarray(column[chosen]), rows)


def row_contents(rows: Rows) -> list[bytes]:
    """Returns what every row holds, as bytes that are equal where the rows are."""
    columns = [_plain(leaf) for leaf in jax.tree.leaves(rows)]
    return [b"".join(c[i].tobytes() for c in columns) for i in range(count_rows(rows))]


def _plain(column: PyTree) -> np.ndarray:
    is_key = jnp.issubdtype(column.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(column) if is_key else column)
