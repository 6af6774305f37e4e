r"""How far back a model's answer still feels: the gradient at every step of time.

A gradient that reaches step t through the steps after it is a product of Jacobians,

$$\left\| \frac{dL}{dh_t} \right\| \le
  \left\| \frac{dL}{dh_T} \right\| \prod_{s=t+1}^{T}
  \left\| \frac{\partial h_s}{\partial h_{s-1}} \right\|,$$

which vanishes or explodes like a power of T - t unless the factors are close to 1
(Hochreiter 1991; Bengio et al. 1994). Here both sides of the question are measured,
not bounded:

    inputs   |dL/dz_t|, z_t what the first layer reads at step t; for any layer
    states   |dL/ds_t|, s_t what a cell carries into step t; for cells only
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..core.compiling import filter_jit
from ..core.types import Scalar
from ..models.base import AbstractModel, Nudges, Trace
from ..tasks.base import AbstractTask, Rows
from ..training.losses import Loss


class Flow(eqx.Module):
    """Gradient norms by step, each the root mean square over examples.

    Both are in units of loss per unit of what was disturbed: two models compare by
    the shape of their profiles, not by their heights. `state_norms` covers the states
    of all layers together and is None where a layer carries no state.
    """

    norms: Float[Array, " time"]
    state_norms: Float[Array, " time"] | None


def gradient_flow(model: AbstractModel, task: AbstractTask, rows: Rows) -> Flow:
    """Returns how the loss of each row's example feels every step of its sequence.

    The loss of an example is the mean over its answers that count, as in training.
    Every row is differentiated by itself, all of them in one compiled program.

    Raises:
        ValueError: the model looks its tokens up out of sight (see `Trace`).
    """
    return _flow(model, task, jax.tree.map(jnp.asarray, rows))


def horizon(norms: Float[np.ndarray | Array, " time"], floor: float = 0.01) -> int:
    """Returns how many steps before the last one the answer still feels.

    That is, how far back the earliest norm above `floor` times the largest lies: 0 if
    only the last step counts (or none does), `time - 1` if the first still does.

    Raises:
        ValueError: a norm is not finite.
    """
    values = np.asarray(norms)
    if not np.isfinite(values).all():
        raise ValueError("a gradient norm is not finite: there is no horizon")
    felt = np.flatnonzero(values > floor * values.max(initial=0.0))
    return int(len(values) - 1 - felt[0]) if len(felt) else 0


@filter_jit
def _flow(model: AbstractModel, task: AbstractTask, rows: PyTree) -> Flow:
    profiles = jax.vmap(lambda row: _profile(model, task, row))(rows)
    return jax.tree.map(lambda norms: _length(norms) / len(norms) ** 0.5, profiles)


def _profile(model: AbstractModel, task: AbstractTask, row: Any) -> Flow:
    """Returns the norms of one example."""
    example = task.example(row)
    nudges = _at_rest(jax.eval_shape(model.trace, *example.asked))
    if nudges.inputs is None:
        raise ValueError(
            f"{type(model).__name__} looks up its tokens out of sight: a `trace` of "
            "its own has to say what they become"
        )

    of_answers = Loss(task.signature.outputs, task.scoring)

    def loss(nudges: Nudges) -> Scalar:
        answers = model.trace(*example.asked, nudges=nudges).answers
        counts = example.judged(task.signature.answers)
        return of_answers.sums(answers, example.targets, counts).value

    felt = jax.grad(loss)(nudges)
    states = None if felt.states is None else _norms(felt.states)
    return Flow(_norms(felt.inputs), states)


def _at_rest(trace: Trace) -> Nudges:
    """Returns nudges of nothing: zeros wherever a trace of such shapes may be moved.

    States are nudged where every layer has one: beside a layer that looks back by
    itself, a state would not be all that carries the past.
    """
    carried = bool(trace.states) and None not in trace.states
    states = eqx.filter(trace.states, _moves) if carried else None
    still = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (trace.inputs, states)
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
