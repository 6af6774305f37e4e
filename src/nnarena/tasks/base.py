"""What a task is: a distribution over ONE example, in rows that become examples.

A row is what an example is made from. A synthetic task's rows are random keys, of
which there are as many as one likes; a recorded task's rows are those of its file.
Either way `example(row)` is a pure function that runs compiled, and the trainer adds
the batch axis.
"""

import abc

import equinox as eqx
import jax
from jaxtyping import PyTree

from ..core.scoring import Scoring
from ..core.types import Example, Key, Signature
from .files import DataFolder


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


class SyntheticSplits(eqx.Module):
    """How many held-out rows a synthetic task has."""

    validation: int = eqx.field(static=True, default=1_000)
    test: int = eqx.field(static=True, default=2_000)

    def draw(self, *, key: Key) -> Splits:
        """Returns keys as rows: held-out ones from `key`, no end of training ones."""
        validation_key, test_key = jax.random.split(key)
        return Splits(
            train=None,
            validation=jax.random.split(validation_key, self.validation),
            test=jax.random.split(test_key, self.test),
        )


class AbstractTask(eqx.Module):
    """A task. Its constructor takes keyword numbers with defaults.

    Its docstring draws one example, and states chance and source.
    """

    signature: eqx.AbstractVar[Signature]
    scoring: eqx.AbstractVar[Scoring]

    @abc.abstractmethod
    def splits(self, data: DataFolder, *, key: Key) -> Splits:
        """Returns the rows; `key` depends on the task alone.

        Raises:
            DataProblem: a file is missing or is not what it should be.
        """

    @abc.abstractmethod
    def example(self, row: PyTree) -> Example:
        """Returns the example of one row."""
