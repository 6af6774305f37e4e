r"""How far back ONE answer of a model still feels: the gradient at every step of time.

A gradient that reaches step t through the steps after it is a product of Jacobians,

$$\left\| \frac{dL}{dh_t} \right\| \le
  \left\| \frac{dL}{dh_T} \right\| \prod_{s=t+1}^{T}
  \left\| \frac{\partial h_s}{\partial h_{s-1}} \right\|,$$

which vanishes or explodes like a power of T - t unless the factors are close to 1
(Hochreiter 1991; Bengio et al. 1994). Here both sides of the question are measured,
not bounded:

    inputs   |dL/dz_t|, z_t what the first layer reads at step t; for any layer
    states   |dL/ds_t|, s_t what a cell carries into step t; for cells only

Steps are counted back from the one that the answer is given after, T, so that a lag
is the same distance in every example:

    once         T is the last step that is there; padding is not
    every step   L is of the last answer that is judged, and T its step
    generated    L is the mean over all classes said, and T the question's last step

What an answer owes to steps after T, as of layers that look ahead, is left out.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from ..core.compiling import filter_jit
from ..core.types import Example, Scalar, When
from ..models.base import AbstractModel
from ..nn.trace import Nudges, Trace
from ..tasks.base import AbstractTask, Rows
from ..training.losses import Loss
from .lookup import looked_up


class Flow(eqx.Module):
    """Gradient norms by lag: entry k is of the step k steps before that of the answer.

    Each is the root mean square over the examples that have such a step, in units of
    loss per unit of what was disturbed: two models compare by the shape of their
    profiles, not by their heights. `state_norms` covers the states of all layers
    together and is None where a layer carries no state.
    """

    norms: Float[Array, " lags"]
    state_norms: Float[Array, " lags"] | None


class Felt(eqx.Module):
    """The norms of one example by lag, and which lags it has."""

    flow: Flow
    has: Bool[Array, " lags"]


def gradient_flow(model: AbstractModel, task: AbstractTask, rows: Rows) -> Flow:
    """Returns how the loss of an answer of each row's example feels the steps before.

    Every row is differentiated by itself, all of them in one compiled program. There
    are as many lags as the longest example has; one of which no answer is judged
    has none. Of a model that reads a context apart from its question, as one without a
    `trace` of its own does, the steps are the question's.

    Raises:
        ValueError: nobody can say what the model's tokens become (see `Trace`), or no
            answer is judged.
    """
    rows = jax.tree.map(jnp.asarray, rows)
    flow, counts = _flow(_seen(model, task, rows), task, rows)
    lags = int(np.count_nonzero(counts))
    if lags == 0:
        raise ValueError("no answer of these rows is judged: there is none to feel")
    return jax.tree.map(lambda norms: norms[:lags], flow)


def horizon(norms: Float[np.ndarray | Array, " lags"], floor: float = 0.01) -> int:
    """Returns how many steps before its own an answer still feels.

    That is, the largest lag whose norm is above `floor` times the largest norm: 0 if
    only the answer's own step counts (or none does).

    Raises:
        ValueError: a norm is not finite.
    """
    values = np.asarray(norms)
    if not np.isfinite(values).all():
        raise ValueError("a gradient norm is not finite: there is no horizon")
    felt = np.flatnonzero(values > floor * values.max(initial=0.0))
    return int(felt[-1]) if len(felt) else 0


def _seen(model: AbstractModel, task: AbstractTask, rows: Rows) -> AbstractModel:
    """Returns a model whose trace shows what the first layer reads."""
    row = jax.tree.map(lambda column: column[0], rows)
    shown = eqx.filter_eval_shape(lambda: model.trace(*task.example(row).asked))
    found = model if shown.inputs is not None else looked_up(model, task, rows)
    if found is None:
        raise ValueError(
            f"{type(model).__name__} looks no tokens up in one of its weights: a "
            "`trace` of its own has to say what they become (docs/plugins.md, "
            '"A trace")'
        )
    return found


@filter_jit
def _flow(
    model: AbstractModel, task: AbstractTask, rows: PyTree
) -> tuple[Flow, Int[Array, " lags"]]:
    """Returns the norms over all rows, and how many rows have each lag."""
    felt = jax.vmap(lambda row: _profile(model, task, row))(rows)
    counts = jnp.sum(felt.has, axis=0, dtype=int)
    mean = jnp.sqrt(jnp.maximum(counts, 1).astype(float))
    return jax.tree.map(lambda norms: _length(norms) / mean, felt.flow), counts


def _profile(model: AbstractModel, task: AbstractTask, row: Any) -> Felt:
    """Returns the norms of one example."""
    example, answers = task.example(row), task.signature.answers
    alone = all(one is None or len(one.cells) == 1 for one in model.recurrences)
    nudges = _at_rest(jax.eval_shape(model.trace, *example.asked), states=alone)
    assert nudges.inputs is not None, "a model is seen, or refused, before"
    counts = _one_answer(example, answers)
    of_answers = Loss(task.signature.outputs, task.scoring)

    def loss(nudges: Nudges) -> Scalar:
        given = model.trace(*example.asked, nudges=nudges).answers
        sums = of_answers.sums(given, example.targets, counts)
        return jnp.where(
            sums.weight > 0, sums.total / jnp.where(sums.weight > 0, sums.weight, 1), 0
        )

    felt = jax.grad(loss)(nudges)
    time = nudges.inputs.shape[0]
    places = _last(example, answers, counts, time) - jnp.arange(time)
    has = (places >= 0) & jnp.any(counts)

    def by_lag(norms: Float[Array, " time"]) -> Float[Array, " lags"]:
        return jnp.where(has, norms[places], 0.0)

    norms = _norms(felt.inputs), None if felt.states is None else _norms(felt.states)
    return Felt(Flow(*jax.tree.map(by_lag, norms)), has)


def _one_answer(
    example: Example, answers: When
) -> Bool[Array, ""] | Bool[Array, " answers"]:
    """Returns which answers the loss is of: of those at every step the last judged."""
    judged = example.judged(answers)
    if answers != "every step":
        return judged
    steps = jnp.arange(len(judged))
    return judged & (steps == jnp.max(jnp.where(judged, steps, 0)))


def _last(
    example: Example, answers: When, counts: Bool[Array, "*answers"], time: int
) -> Int[Array, ""]:
    """Returns the place of the answer's step among the steps of a trace."""
    question, context = example.question, example.context
    last = jnp.argmax(counts) if answers == "every step" else question.last
    if context is None or time == question.length:
        return jnp.asarray(last)
    return jnp.asarray(context.last + 1 + last)


def _at_rest(trace: Trace, *, states: bool) -> Nudges:
    """Returns nudges of nothing: zeros wherever a trace of such shapes may be moved.

    States are nudged if they may be and every layer has one: beside a layer that looks
    back by itself, or reads from both ends, one would not be all that carries the past.
    """
    carried = states and bool(trace.states) and None not in trace.states
    moved = eqx.filter(trace.states, _moves) if carried else None
    still = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (trace.inputs, moved)
    )
    return Nudges(*still)


def _moves(leaf: jax.ShapeDtypeStruct) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.inexact)


def _norms(gradients: PyTree[Array]) -> Float[Array, " time"]:
    """Returns the Euclidean norm at each step of arrays that lead with time."""
    leaves = jax.tree.leaves(gradients)
    flat = [jnp.abs(leaf).reshape(leaf.shape[0], -1) for leaf in leaves]
    return _length(jnp.concatenate(flat, axis=1).T)


def _length(columns: Float[Array, "any time"]) -> Float[Array, " time"]:
    """Returns the Euclidean norm of each column, where squares would underflow too.

    The square of what vanished to 1e-20 is 0 in single precision.
    """
    largest = jnp.max(columns, axis=0)
    scale = jnp.where(largest > 0.0, largest, 1.0)
    return scale * jnp.sqrt(jnp.sum((columns / scale[None]) ** 2, axis=0))
