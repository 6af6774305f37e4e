"""How a model whose inside is not trained reads the examples of a run."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from ..core.types import Key
from ..metrics import Mean
from ..nn.linear import affine
from ..tasks.base import AbstractTask, Rows
from .base import Build, with_weights
from .batches import Order
from .objective import Judged, Tally, evaluate, example_of, objective_of
from .readout import readout, regressed, replaced, showing_hidden, with_readout


class Read(eqx.Module):
    """What a batch gives: what the readout reads, what it ought to say, what counts.

    `truth` are the same targets as the task has them.
    """

    hidden: Float[Array, "*batch answers inputs"]
    targets: Float[Array, "*batch answers outputs"]
    counts: Bool[Array, "*batch answers"]
    truth: Array


@dataclass(frozen=True)
class Reading:
    """How one seed's model reads examples, as pure functions."""

    build: Build
    task: AbstractTask
    steps: int
    steps_per_check: int
    batch: int

    def start(self, init_key: Key) -> PyTree:
        """Returns the arrays of the model."""
        return eqx.filter(self.build(init_key), eqx.is_array)

    def rows(self, first: Int[Array, ""], train: Rows | None, data_key: Key) -> PyTree:
        """Returns the rows of the steps of one check, which lead with their axis."""
        span = self.steps_per_check
        order = Order(train, first=first, span=span, batch=self.batch, key=data_key)
        return jax.vmap(order.at)(first + jnp.arange(span))

    def count(self, first: int, last: int, train: Rows | None) -> int:
        """Returns how many rows these steps have; recorded ones come once at most."""
        end = last * self.batch
        if train is not None:
            end = min(end, jax.tree.leaves(train)[0].shape[0])
        return end - first * self.batch

    def inputs(
        self, arrays: PyTree, rows: PyTree
    ) -> tuple[Float[Array, "rows time width"], Int[Array, " rows"]]:
        """Returns what the first layer reads of steps of rows, and how long each is."""
        model = with_weights(self.build, arrays)

        def one(row: Any) -> tuple[Array, Array]:
            seen = model.trace(*example_of(self.task, row).asked)
            assert seen.inputs is not None, "its first layer reads numbers"
            there = seen.inputs.shape[0] if seen.present is None else seen.present.sum()
            return seen.inputs, jnp.asarray(there)

        xs, lengths = jax.vmap(jax.vmap(one))(rows)
        return xs.reshape(-1, *xs.shape[2:]), lengths.reshape(-1)

    def read(
        self, arrays: PyTree, rows: PyTree, index: Int[Array, ""], left: Int[Array, ""]
    ) -> Read:
        """Returns what one batch of several gives; `left` of its rows count."""
        model = showing_hidden(with_weights(self.build, arrays))

        def one(row: Any, counted: Bool[Array, ""]) -> Read:
            example = example_of(self.task, row)
            targets, counts = regressed(example, self.task.signature)
            hidden = jnp.atleast_2d(model(*example.asked))
            return Read(hidden, targets, counts & counted, example.targets)

        batch = jax.tree.map(lambda leaf: leaf[index], rows)
        return jax.vmap(one)(batch, jnp.arange(self.batch) < left)

    def departure(self, arrays: PyTree, rows: PyTree, read: Read) -> Float[Array, ""]:
        """Returns how far a batch's answers are from the readout of what it reads.

        As a share of the answers. It is large where something follows the readout.
        """
        model = with_weights(self.build, arrays)

        def one(row: Any, hidden: Array) -> tuple[Array, Array]:
            said = jnp.atleast_2d(model(*example_of(self.task, row).asked))
            return jnp.abs(said - affine(readout(arrays), hidden)), jnp.abs(said)

        gaps, sizes = jax.vmap(one)(rows, read.hidden)
        return jnp.max(gaps) / (1.0 + jnp.max(sizes))

    def judged(self, head: eqx.nn.Linear, read: Read) -> Judged:
        """Returns what is kept of a readout's answers to each row of a batch."""
        objective = objective_of(self.task)

        def one(read: Read) -> Judged:
            answers, counts = affine(head, read.hidden), read.counts
            if self.task.signature.answers == "once":
                answers, counts = answers[0], counts[0]
            truth = read.truth, counts
            loss = objective.loss.sums(answers, *truth)
            return Judged(loss, objective.metric.statistics(answers, *truth))

        return jax.vmap(one)(read)

    def loss(self, head: eqx.nn.Linear, read: Read) -> Mean:
        """Returns the task's own loss of a readout's answers to a batch, in sums."""
        return jax.tree.map(jnp.sum, self.judged(head, read).loss)

    def evaluate(self, arrays: PyTree, rows: Rows) -> Tally:
        """Returns the tally of weights on a split."""
        model = with_weights(self.build, arrays)
        return evaluate(model, self.task, rows, batch=max(self.batch, 64))

    def answering(self, arrays: PyTree, weight: Array, bias: Array | None) -> PyTree:
        """Returns the arrays with another readout."""
        return with_readout(arrays, replaced(readout(arrays), weight, bias))
