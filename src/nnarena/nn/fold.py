"""Recurrences whose steps combine in any bracketing, over a sequence in three forms.

    scan          s_1 = a(s_0, e_1), s_2 = a(s_1, e_2), ...           one step at a time
    associative   e_1, e_1 e_2, e_1 e_2 e_3, ... by halves            log2(time) rounds
    chunked       associative within chunks, their ends one at a time

An element stands for what a step does to the state, two of them combine to one that
does both, and a state is acted on by an element (`nnarena.models.base.AbstractFold`).
All forms give the same outputs but for rounding. Which is fastest depends on the
device.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ..core.numbers import require
from ..core.types import Sequence, State
from .parametrization import resolve
from .unroll import Checkpoint, Unrolled, by_chunks, unroll


Form = Literal["scan", "associative", "chunked"]

Elements = PyTree[Array]
"""What every step does to the state; arrays that lead with time."""


def best_form() -> Form:
    """Returns the form for this machine's device.

    A CPU gets the scan, which does the least work: with batches of 16 sequences and 64
    units, or more, it was the fastest at every length (`benchmarks/folds.py`). A step
    of few numbers costs more to begin than to do, so that of small batches of long
    sequences the gradients of the parallel forms take half of its time; but a fold is
    written for one example and does not know of the batch. An accelerator gets the form
    of few rounds; no accelerator has been measured.
    """
    return "scan" if jax.default_backend() == "cpu" else "associative"


def unroll_fold(
    cell: Any,
    sequence: Sequence,
    *,
    form: Form | None = None,
    checkpoint: Checkpoint = "none",
    states: bool = False,
) -> Unrolled:
    """Returns what `unroll` does of a fold, in the best form or the one that is asked.

    With `checkpoint` other than "none" the gradient computes a parallel form again, a
    chunk at a time if it is chunked.

    Raises:
        ValueError: there is no such form, or no such way to checkpoint.
    """
    form = best_form() if form is None else form
    require(Form, form=form)
    require(Checkpoint, checkpoint=checkpoint)
    if form == "scan":
        return unroll(cell, sequence, checkpoint=checkpoint, states=states)
    ready = resolve(cell)

    def several(state: State, steps: tuple[Array, Array]) -> tuple[State, State]:
        """Returns the last of the states that some steps leave, and all of them."""
        elements = jax.vmap(ready.element)(*steps)
        passed = jax.lax.associative_scan(jax.vmap(ready.combine), elements)
        left = jax.vmap(ready.act, in_axes=(None, 0))(state, passed)
        return jax.tree.map(lambda leaf: leaf[-1], left), left

    if checkpoint != "none":
        several = jax.checkpoint(several)
    steps = sequence.xs, sequence.dts
    start = ready.init_state()
    chunked = form == "chunked"
    _, left = by_chunks(several, start, steps) if chunked else several(start, steps)
    if sequence.present is not None:  # where a step is absent the state stays
        places = jnp.minimum(jnp.arange(sequence.length), sequence.last)
        left = jax.tree.map(lambda leaf: leaf[places], left)
    hs = jax.vmap(ready.read)(left, sequence.xs)
    last = jax.tree.map(lambda leaf: leaf[-1], left)
    return Unrolled(hs, left if states else None, last)
