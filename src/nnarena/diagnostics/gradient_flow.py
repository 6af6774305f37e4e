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
from ..models.base import AbstractCell, AbstractLayer, AbstractModel
from ..models.sequence import Recurrent, SequenceModel
from ..nn.parametrization import resolve
from ..tasks.base import AbstractTask, Rows
from ..training.objective import row_loss


class Flow(eqx.Module):
    """Gradient norms by step, each the root mean square over examples.

    Both are in units of loss per unit of what was disturbed: two models compare by
    the shape of their profiles, not by their heights. `state_norms` covers the states
    of all layers together and is None where a layer carries no state.
    """

    norms: Float[Array, " time"]
    state_norms: Float[Array, " time"] | None


class Nudged(AbstractLayer):
    """A layer before which something is added to the input of every step."""

    shift: Float[Array, "time features"]
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, shift: Float[Array, "time features"]):
        self.shift = shift
        self.hidden_size, self.causal = shift.shape[1], True

    def __call__(self, xs, dts, *, key=None):
        del dts, key
        return xs + self.shift


class NudgedCell(AbstractLayer):
    """A cell run over the sequence, to whose state something is added at every step.

    `shift` has the structure of the state with a leading axis of time; what it adds
    at step t is what the step finds, on top of what the step before left.
    """

    cell: AbstractCell
    shift: PyTree[Array]
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, cell: AbstractCell, shift: PyTree[Array]):
        self.cell, self.shift = cell, shift
        self.hidden_size, self.causal = cell.hidden_size, True

    def __call__(self, xs, dts, *, key=None):
        del key  # a recurrent step draws nothing
        ready = resolve(self.cell)

        def step(state, observation):
            x, dt, shift = observation
            return ready(eqx.apply_updates(state, shift), x, dt)

        _, hs = jax.lax.scan(step, ready.init_state(), (xs, dts, self.shift))
        return hs


def gradient_flow(model: AbstractModel, task: AbstractTask, rows: Rows) -> Flow:
    """Returns how the loss of each row's example feels every step of its sequence.

    The loss of an example is the mean over its answers that count, as in training.
    Every row is differentiated by itself, all of them in one compiled program.

    Raises:
        TypeError: the model does not stand in the shared frame.
    """
    if not isinstance(model, SequenceModel):
        raise TypeError(
            f"{type(model).__name__} is no SequenceModel: it has no embedding "
            "that could be disturbed"
        )
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
def _flow(model: SequenceModel, task: AbstractTask, rows: PyTree) -> Flow:
    profiles = jax.vmap(lambda row: _profile(model, task, row))(rows)
    return jax.tree.map(lambda norms: _length(norms) / len(norms) ** 0.5, profiles)


def _profile(model: SequenceModel, task: AbstractTask, row: Any) -> Flow:
    """Returns the norms of one example."""
    length = task.example(row).dts.shape[0]
    width = jax.eval_shape(lambda: model.embedded(task.example(row).xs)).shape[1]
    at_rest = jnp.zeros((length, width)), _states_at_rest(model, length)

    def loss(shifts: tuple[Array, PyTree]) -> Scalar:
        return row_loss(_nudged(model, *shifts), task, row).value

    of_inputs, of_states = jax.grad(loss)(at_rest)
    states = None if of_states is None else _norms(of_states)
    return Flow(_norms(of_inputs), states)


def _states_at_rest(model: SequenceModel, length: int) -> tuple[PyTree, ...] | None:
    """Returns zeros for the states of all layers and steps, if all carry states."""
    cells = _cells(model)
    if len(cells) < len(model.layers):
        return None
    states = tuple(resolve(cell).init_state() for cell in cells)
    return jax.tree.map(
        lambda leaf: jnp.zeros((length, *leaf.shape), leaf.dtype),
        eqx.filter(states, eqx.is_inexact_array),
    )


def _cells(model: SequenceModel) -> list[AbstractCell]:
    return [part.cell for part in model.layers if isinstance(part, Recurrent)]


def _nudged(
    model: SequenceModel, inputs: Array, states: tuple[PyTree, ...] | None
) -> SequenceModel:
    """Returns the model with something added to its embedded inputs and states."""
    layers = model.layers
    if states is not None:
        layers = tuple(
            NudgedCell(cell, shift)
            for cell, shift in zip(_cells(model), states, strict=True)
        )
    first = Nudged(inputs)
    return eqx.tree_at(lambda m: m.layers, model, (first, *layers))


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
