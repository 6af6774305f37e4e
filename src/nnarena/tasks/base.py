"""What a task is: a distribution over ONE example, in rows that become examples.

A row is what an example is made from. A synthetic task's rows are random keys, of
which there are as many as one likes; a recorded task's rows are those of its file.
Either way `example(row)` is a pure function that runs compiled, and the trainer adds
the batch axis.
"""

import abc
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, PyTree
from pydantic import Field

from ..core.compiling import SOONEST, jit
from ..core.numbers import AtLeastOne, require
from ..core.scoring import Scoring
from ..core.types import Example, Key, Signature
from .files import DataFolder, DataProblem


Rows = PyTree
"""Arrays, or random keys, with a leading axis that counts rows."""


class Splits(eqx.Module):
    """The rows of a task. Training rows of `None` are drawn afresh for ever.

    Validation rows choose weights and learning rates; test rows are read once per
    finished run.
    """

    train: Rows | None
    validation: Rows
    test: Rows


def with_unit_gaps(splits: Splits, gaps: Callable[[Rows], np.ndarray]) -> Splits:
    """Returns splits whose elapsed times are in units of the mean training gap.

    Time constants of continuous-time contenders start near 1: in seconds, a task of
    fast readings would show them a world that stands still.

    Args:
        splits: splits with recorded training rows.
        gaps: returns the elapsed times of rows, an array of them.
    """
    unit = gaps(splits.train).mean(dtype=float)

    def scaled(rows: Rows) -> Rows:
        return eqx.tree_at(gaps, rows, (gaps(rows) / unit).astype(np.float32))

    return Splits(*map(scaled, (splits.train, splits.validation, splits.test)))


def shuffled_splits(rows: Rows, *, key: Key) -> Splits:
    """Returns a finite set of rows shuffled and split as the thesis did.

    A tenth is for the test, a tenth for validation, the rest to train on; each part is
    cut to a multiple of the thesis's batch of 128. Rows that overlap end up on both
    sides: this is the split that the thesis's figures rest on, not one to rely on.

    Raises:
        DataProblem: there are too few rows for one batch in each part.
    """
    count = jax.tree.leaves(rows)[0].shape[0]
    if count < FEWEST_ROWS:
        raise DataProblem(
            f"there are {count:,} rows, and a split into tenths needs {FEWEST_ROWS:,}"
        )
    return _thesis_parts(rows, random_order(count, key=key))


def random_order(count: int, *, key: Key) -> np.ndarray:
    """Returns the whole numbers below `count` in a random order."""

    def order(key: Key) -> Array:
        return jax.random.permutation(key, count)

    return np.asarray(jit(order, SOONEST)(key))


THESIS_BATCH = 128

FEWEST_ROWS = 10 * THESIS_BATCH

FiniteRows = Annotated[int, Field(ge=FEWEST_ROWS)]
"""The size of a finite set: a tenth of it is a batch at least."""


def _thesis_parts(rows: Rows, order: Any) -> Splits:
    """Returns rows in an order, cut into a tenth, a tenth and the rest."""
    tenth = len(order) // 10
    parts = order[:tenth], order[tenth : 2 * tenth], order[2 * tenth :]
    whole = [part[: len(part) // THESIS_BATCH * THESIS_BATCH] for part in parts]
    test, validation, train = (
        jax.tree.map(lambda column, part=part: column[part], rows) for part in whole
    )
    return Splits(train=train, validation=validation, test=test)


class SyntheticSplits(eqx.Module):
    """How many held-out rows a synthetic task has.

    With `rows` the task is a finite set of so many rows, split in tenths as in the
    thesis (40,000 of them); else training rows are drawn without end.
    """

    validation: int = eqx.field(static=True, default=1_000)
    test: int = eqx.field(static=True, default=2_000)
    rows: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        require(AtLeastOne, validation=self.validation, test=self.test)
        require(FiniteRows | None, rows=self.rows)

    def draw(self, *, key: Key) -> Splits:
        """Returns keys as rows: held-out ones from `key`, no end of training ones."""

        def keys(key: Key) -> Splits:
            return self._keys(key)

        return jit(keys, SOONEST)(key)

    def _keys(self, key: Key) -> Splits:
        first, second = jax.random.split(key)
        if self.rows is not None:
            order = jax.random.permutation(second, self.rows)
            return _thesis_parts(jax.random.split(first, self.rows), order)
        return Splits(
            train=None,
            validation=jax.random.split(first, self.validation),
            test=jax.random.split(second, self.test),
        )


class AbstractTask(eqx.Module):
    """A task. Its constructor takes keyword settings with defaults.

    Its docstring draws one example, and states chance and source. `axis` is the setting
    by which the task gets harder and nothing else changes, such as "length"; None where
    there is none. Curves are drawn along it.
    """

    signature: eqx.AbstractVar[Signature]
    scoring: eqx.AbstractVar[Scoring]
    axis: ClassVar[str | None] = None

    @property
    def token_names(self) -> tuple[str, ...] | None:
        """What tokens that are read are called; None where they have numbers alone."""
        return None

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The same of classes that are answered."""
        return None

    @abc.abstractmethod
    def splits(self, data: DataFolder, *, key: Key) -> Splits:
        """Returns the rows; `key` depends on the task alone.

        Raises:
            DataProblem: a file is missing or is not what it should be.
        """

    @abc.abstractmethod
    def example(self, row: PyTree) -> Example:
        """Returns the example of one row."""


class AbstractForecast(AbstractTask):
    """A task that asks how its inputs go on: its chance is that nothing changes."""

    @abc.abstractmethod
    def persistence(self, row: PyTree) -> Array:
        """Returns the last values before the target, in its units and of its shape."""
