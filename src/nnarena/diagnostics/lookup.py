"""What the tokens of a model of its own become, where it has no `trace` to say so.

Most such models look a token up in a table among their weights, wherever in their code
that stands. A table is found by trying: every step of a question gets a token of its
own, which stands for a row of its own below the table, with what the step's token looks
up. A model that looks up there and nowhere else answers as before, and what its answer
feels of a step is what it feels of that step's row.
"""

import contextlib
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..core.compiling import RUN_ONCE, filter_jit
from ..core.types import Signature, Tokens
from ..models.base import AbstractModel
from ..nn.trace import NO_NUDGES, Trace, nudged
from ..tasks.base import AbstractTask, Rows


TRIED = 8
"""Rows on which a table has to leave every answer as it is."""


class LookedUp(AbstractModel):
    """A model of its own that looks its tokens up in one of its weights.

    Attributes:
        model: the model, on whose weights this takes no others.
        table: which of its leaves has a row for every token.
    """

    model: AbstractModel
    table: int = eqx.field(static=True)

    def __init__(self, model: AbstractModel, table: int):
        self.model, self.table = model, table

    @property
    def causal(self):
        return self.model.causal

    def __call__(self, sequence, *context, key=None):
        return self.model(sequence, *context, key=key)

    def trace(self, sequence, *context, nudges=NO_NUDGES):
        leaves, structure = jax.tree.flatten(self.model)
        table = leaves[self.table]
        vectors = nudged(table[sequence.xs], nudges.inputs)
        leaves[self.table] = jnp.concatenate([table, vectors])
        own = table.shape[0] + jnp.arange(sequence.length, dtype=sequence.xs.dtype)
        model = jax.tree.unflatten(structure, leaves)
        return Trace(model(sequence.with_xs(own), *context), vectors)


def looked_up(model: AbstractModel, task: AbstractTask, rows: Rows) -> LookedUp | None:
    """Returns the model with the table of its tokens, or None where there is none.

    There is none where tokens do not index a weight, as where each becomes one of
    as many zeros and a one, or where that weight is used for more than looking up.
    """
    few = jax.tree.map(lambda column: jnp.asarray(column[:TRIED]), rows)
    for index, leaf in enumerate(jax.tree.leaves(model)):
        if not _may_be_table(leaf, task.signature):
            continue
        tried = LookedUp(model, index)
        with contextlib.suppress(TypeError, ValueError):  # of shapes that do not meet
            before, after = map(np.asarray, _answers(tried, task, few))
            if before.shape == after.shape and np.allclose(before, after, 1e-4, 1e-5):
                return tried
    return None


def _may_be_table(leaf: Any, signature: Signature) -> bool:
    tokens = signature.inputs
    vectors = eqx.is_inexact_array(leaf) and leaf.ndim == 2
    return isinstance(tokens, Tokens) and vectors and leaf.shape[0] == tokens.size


def _answers_of(model: LookedUp, task: AbstractTask, row: PyTree):
    asked = task.example(row).asked
    return model(*asked), model.trace(*asked).answers


@partial(filter_jit, options=RUN_ONCE)
def _answers(model: LookedUp, task: AbstractTask, rows: PyTree) -> tuple[Array, Array]:
    return jax.vmap(lambda row: _answers_of(model, task, row))(rows)
