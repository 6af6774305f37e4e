"""Loss and score of answers: of one example, of a batch, of a whole split."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, PyTree

from ..core.types import Classes, Example, Key, Signature
from ..models.base import AbstractModel
from ..tasks.base import AbstractTask
from .batches import Draws


class Tally(eqx.Module):
    """Sums over answers that count: of losses, of scores, and how many there are.

    Scalars, or one per seed.
    """

    loss: Float[Array, "*seeds"]
    score: Float[Array, "*seeds"]
    count: Float[Array, "*seeds"]

    @property
    def mean_loss(self) -> Float[Array, "*seeds"]:
        return self.loss / self.count

    @property
    def mean_score(self) -> Float[Array, "*seeds"]:
        return self.score / self.count

    @property
    def finite(self) -> Bool[Array, "*seeds"]:
        """Whether every answer was: a single one that is not leaves no mean."""
        return jnp.isfinite(self.mean_loss) & jnp.isfinite(self.mean_score)


def tally(answers: Array, example: Example, signature: Signature) -> Tally:
    """Returns the sums for one example.

    Classes: cross-entropy of the logits, and right answers. Values: the squared error,
    mean over outputs, as both. An answer that is not finite makes both sums NaN if it
    counts: the largest of NaNs would be class 0, and infinite logits may be right.
    """
    if isinstance(signature.outputs, Classes):
        losses = optax.softmax_cross_entropy_with_integer_labels(
            answers, example.targets
        )
        scores = (jnp.argmax(answers, axis=-1) == example.targets).astype(losses.dtype)
    else:
        losses = jnp.mean(jnp.square(answers - example.targets), axis=-1)
        scores = losses
    mask = example.mask
    finite = jnp.all(jnp.isfinite(answers), axis=-1)
    defect = jnp.where(jnp.all(finite, where=mask), 0.0, jnp.nan).astype(losses.dtype)
    return Tally(
        loss=jnp.sum(losses, where=mask) + defect,
        score=jnp.sum(scores, where=mask) + defect,
        count=jnp.sum(mask, dtype=losses.dtype),
    )


def example_of(task: AbstractTask, row: Any) -> Example:
    """Returns the example of a row; a row may be one already.

    Held-out rows of a synthetic task are drawn once, not at every check.
    """
    return row if isinstance(row, Example) else task.example(row)


def answer(model: AbstractModel, example: Example, *, key: Key | None = None) -> Array:
    """Returns a model's answers to an example; with a key, as in training."""
    return model(example.xs, example.dts, key=key)


def tally_row(
    model: AbstractModel, task: AbstractTask, row: Any, *, key: Key | None = None
) -> Tally:
    """Returns the sums of a model's answers to the example of one row.

    With a key the model answers as in training, where it may draw.
    """
    example = example_of(task, row)
    answers = answer(model, example, key=key)
    return tally(answers, example, task.signature)


def tally_batch(
    model: AbstractModel,
    task: AbstractTask,
    rows: PyTree,
    *,
    keys: Draws | None = None,
) -> Tally:
    """Returns the sums over a batch of rows; `keys` are those of training, one each."""
    tallies = jax.vmap(lambda row, key: tally_row(model, task, row, key=key))(
        rows, keys
    )
    return jax.tree.map(jnp.sum, tallies)


def evaluate(
    model: AbstractModel, task: AbstractTask, rows: PyTree, *, batch: int
) -> Tally:
    """Returns the sums over a whole split, about `batch` rows at a time.

    A number of rows that divides the split is taken where there is one, since a
    remainder would be compiled as a second copy of the model.
    """
    count = jax.tree.leaves(rows)[0].shape[0]
    divisors = [size for size in range(batch // 2, 2 * batch + 1) if count % size == 0]
    tallies = jax.lax.map(
        lambda row: tally_row(model, task, row),
        rows,
        batch_size=divisors[-1] if divisors else batch,
    )
    return jax.tree.map(jnp.sum, tallies)
