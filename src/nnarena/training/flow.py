"""What a loss feels of every state of a model's cells, found in one backward pass.

The gradient of a loss with respect to all states comes with that of the weights: zeros
are added to the state that each step finds and to its output, and the gradient with
respect to those zeros is what is asked for. So a penalty on how gradients flow costs
about one more product per step, not another pass through time.
"""

import abc
import dataclasses
from collections.abc import Callable, Sequence as Many
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ..core.frozen import trainable
from ..core.types import Example, Scalar, Sequence, State, Times
from ..metrics.base import Mean
from ..models.base import AbstractCell, AbstractModel, AbstractRecurrence
from ..models.supervised import AbstractSupervised
from ..nn.parametrization import resolve
from ..nn.trace import Nudges, Trace
from .step_output import output_pulled_back


class Flow(eqx.Module):
    """The steps of a cell over one example, and what the loss feels of its states.

    `found` and `left` are the states before and after each step, `covectors` the
    gradient of the loss with respect to `left`: None where a state holds whole numbers.
    An output is a part of the state, as a rule, or a function of the state that was
    left, and so is what the loss feels of it. Where it is neither, the output counts as
    a further part of the state, which no step reads, and `beside` is its covector.
    Every array leads with time. Steps that are not `present` mean nothing; None says
    that all are.
    """

    xs: Float[Array, "time features"]
    dts: Times
    present: Bool[Array, " time"] | None
    found: State
    left: State
    covectors: State
    beside: Float[Array, "time hidden"] | None = None


class AbstractFlowPenalty(eqx.Module):
    """A number that training lowers beside the loss, of how the loss's gradient flows.

    It is asked of every cell of a model, once per example. States and covectors are
    held fixed: what moves is what the weights make of them (the immediate derivative).
    Its constructor takes nothing.
    """

    @abc.abstractmethod
    def __call__(self, cell: AbstractCell, flow: Flow) -> Mean:
        """Returns a sum, and its weight: a batch has the sum of sums over that of both.

        Derived weights of the cell are plain arrays here.
        """


def why_no_flow(model: AbstractModel) -> str | None:
    """Returns why a model's states cannot be watched; None if they can.

    The model may have shapes in the place of its arrays.
    """
    signature = getattr(model, "signature", None)
    if signature is not None and signature.generated:
        return "a penalty on the flow of gradients is not on answers that are generated"
    if isinstance(model, AbstractSupervised):
        return "a penalty on the flow of gradients is on that of the task's own loss"
    if None in model.recurrences or not model.recurrences:
        return (
            "a penalty on the flow of gradients is on states that layers carry from "
            "step to step of the sequence, and not all that it has do"
        )
    for cell in watched_cells(model):
        state = eqx.filter_eval_shape(_start, cell)
        name = type(cell).__name__
        if not any(_moves(leaf) for leaf in jax.tree.leaves(state)):
            return f"the state of {name} has no number that a loss could feel"
        if not jax.tree.leaves(eqx.filter(cell, trainable(cell))):
            return (
                "a penalty on the flow of gradients moves the weights of cells, and "
                f"{name} has none that moves"
            )
    return None


def _layers(model: AbstractModel) -> list[AbstractRecurrence]:
    return [layer for layer in model.recurrences if layer is not None]


def watched_cells(model: AbstractModel) -> list[AbstractCell]:
    """Returns the cells of a model of recurrences, each of which has a flow."""
    return [cell for layer in _layers(model) for cell in layer.cells]


def _start(cell: AbstractCell) -> State:
    return jax.tree.map(jnp.asarray, resolve(cell).init_state())


def _moves(leaf: Any) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jnp.inexact))


def still(model: AbstractModel, example: Example) -> Nudges:
    """Returns nudges of zero: of the states of all layers, and of their outputs."""
    seen = jax.eval_shape(lambda: model.trace(*example.asked))

    def zeros(leaf: Any) -> Array | None:
        return jnp.zeros(leaf.shape, leaf.dtype) if _moves(leaf) else None

    states, hs = jax.tree.map(zeros, (seen.states, seen.hs))
    return Nudges(states=states, hs=hs)


def flow_of(
    model: AbstractModel, example: Example, loss: Callable[[Array], Scalar]
) -> list[Flow]:
    """Returns the flow of each cell of a model of recurrences over one example.

    `loss` is a function of its answers.
    """

    def value(nudges: Nudges) -> tuple[Scalar, Trace]:
        trace = model.trace(*example.asked, nudges=nudges)
        return loss(trace.answers), trace

    felt, trace = jax.grad(value, has_aux=True)(still(model, example))
    return flows(model, trace, felt)


def flows(model: AbstractModel, trace: Trace, felt: Nudges) -> list[Flow]:
    """Returns the flow of each cell of a model over one example.

    Args:
        model: its layers are recurrences (`why_no_flow`).
        trace: what it did.
        felt: the gradient of the loss with respect to nudges of zero (`still`).
    """
    assert trace.inputs is not None
    assert trace.dts is not None
    assert felt.states is not None
    assert felt.hs is not None
    read, seen = (trace.inputs, *trace.hs), []
    for index, layer in enumerate(_layers(model)):
        steps = Sequence(read[index], trace.dts, trace.present)
        each = zip(
            layer.cells,
            layer.readings(steps),
            _of_cells(layer, trace.states[index]),
            _of_cells(layer, felt.states[index]),
            _taken_apart(layer, steps, felt.hs[index]),
            strict=True,
        )
        seen += [_flow(*one) for one in each]
    return jax.lax.stop_gradient(seen)


def _of_cells(layer: AbstractRecurrence, states: Any) -> tuple[State, ...]:
    """States of the cells of a layer, of which a single one has no tuple."""
    return states if len(layer.cells) > 1 else (states,)


def _taken_apart(layer: AbstractRecurrence, steps: Sequence, felt: Array) -> Any:
    """What the loss feels of the outputs of each cell of a layer."""
    if len(layer.cells) == 1:
        return (felt,)
    still = tuple(
        jnp.zeros((steps.length, cell.hidden_size), felt.dtype) for cell in layer.cells
    )
    return jax.vjp(lambda *hs: layer.joined(hs, steps), *still)[1](felt)


def _flow(
    cell: AbstractCell, steps: Sequence, left: State, felt: State, output: Array
) -> Flow:
    """The flow of a cell that read these steps, and what the loss feels of it.

    The covector of what a step left is what the next one feels of the state that it
    finds, and what comes from its own output, which is mostly a function of that.
    """
    ready = resolve(cell)
    found = jax.tree.map(_led_by, ready.init_state(), left)
    later = jax.tree.map(lambda leaf: jnp.concatenate([leaf[1:], 0 * leaf[:1]]), felt)
    at = found, steps.xs, steps.dts, left, output
    own = jax.vmap(lambda *one: output_pulled_back(ready, *one))(*at)
    return Flow(
        xs=steps.xs,
        dts=steps.dts,
        present=steps.present,
        found=found,
        left=left,
        covectors=later if own is None else jax.tree.map(jnp.add, later, own),
        beside=output if own is None else None,
    )


def _led_by(start: Array, left: Array) -> Array:
    """The states that steps find: the first finds the start, others what was left."""
    return jnp.concatenate([jnp.asarray(start, left.dtype)[None], left[:-1]])


def pulled_back(cell: AbstractCell, flow: Flow) -> tuple[Array, Array, Array]:
    """Returns squared norms of covectors: pulled back, and as they are; who is there.

    All lead with time.
    """

    def norms(one: Flow) -> Any:
        return squares(_back(cell, one)), squares((one.covectors, one.beside))

    present = jnp.ones(len(flow.xs), bool) if flow.present is None else flow.present
    back, own = jax.vmap(norms)(dataclasses.replace(flow, present=present))
    return back, own, present


def _back(cell: AbstractCell, one: Flow) -> State:
    """The covector of one step as one of the state that it found."""
    if one.beside is None:
        return cell.pulled_back(
            one.found, one.xs, one.dts, left=one.left, covector=one.covectors
        )
    moving, fixed = eqx.partition(one.found, eqx.is_inexact_array)

    def step(moving: State) -> tuple[State, Array]:
        left, h = cell(eqx.combine(moving, fixed), one.xs, one.dts)
        return eqx.filter(left, eqx.is_inexact_array), h

    return jax.vjp(step, moving)[1]((one.covectors, one.beside))[0]


def squares(tree: PyTree) -> Float[Array, ""]:
    """Returns the sum of the squared sizes of all numbers."""
    return sum(
        (jnp.sum(jnp.abs(leaf) ** 2) for leaf in jax.tree.leaves(tree)), jnp.zeros(())
    )


def penalty_of_batch(
    penalties: Many[tuple[AbstractFlowPenalty, float]],
    model: AbstractModel,
    seen: Many[Flow],
) -> Float[Array, ""]:
    """Returns the penalties at their strengths, summed over cells.

    Args:
        penalties: each with its strength.
        model: its weights are what moves.
        seen: the flow of each cell, with a leading axis of examples.
    """
    total = jnp.zeros(())
    for cell, flow in zip(watched_cells(model), seen, strict=True):
        ready = resolve(cell)
        for penalty, strength in penalties:
            found = jax.vmap(lambda one, act=penalty, cell=ready: act(cell, one))(flow)
            total = total + strength * jax.tree.map(jnp.sum, found).value
    return total
