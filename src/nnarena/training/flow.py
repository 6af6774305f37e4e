"""What a loss feels of every state of a model's cells, found in one backward pass.

The gradient of a loss with respect to all states comes with that of the weights: zeros
are added to the state that each step finds and to its output, and the gradient with
respect to those zeros is what is asked for. So a penalty on how gradients flow costs
about one more product per step, not another pass through time.
"""

import abc
from collections.abc import Callable, Sequence as Many
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ..core.types import Example, Scalar, State, Times
from ..metrics.base import Mean
from ..models.base import AbstractCell, AbstractModel, Nudges, Placed, Trace
from ..nn.parametrization import resolve


class Flow(eqx.Module):
    """The steps of a cell over one example, and what the loss feels of its states.

    `found` and `left` are the states before and after each step, `covectors` the
    gradient of the loss with respect to `left`: None where a state holds whole numbers.
    Every array leads with time. Steps that are not `present` mean nothing; None says
    that all are.
    """

    xs: Float[Array, "time features"]
    dts: Times
    present: Bool[Array, " time"] | None
    found: State
    left: State
    covectors: State


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
    if None in model.placed_cells or not model.placed_cells:
        return "a penalty on the flow of gradients needs layers that are cells"
    for cell, features in placed(model):
        if output_place(cell, features) is None:
            name = type(cell).__name__
            return f"the output of {name} is no array of its own in its state"
    return None


def placed(model: AbstractModel) -> list[Placed]:
    """Returns the cells of a model of cells."""
    return [place for place in model.placed_cells if place is not None]


def output_place(cell: AbstractCell, features: int) -> int | None:
    """Returns which leaf of the state that a step leaves is its output, if one is."""
    arrays, rest = eqx.partition(cell, _is_traced)

    def step(arrays: Any, x: Array, dt: Array) -> Any:
        ready = resolve(eqx.combine(arrays, rest))
        return ready(ready.init_state(), x, dt)

    shapes = jax.ShapeDtypeStruct((features,), float), jax.ShapeDtypeStruct((), float)
    *left, h = jax.make_jaxpr(step)(arrays, *shapes).jaxpr.outvars
    return next((place for place, leaf in enumerate(left) if leaf is h), None)


def _is_traced(leaf: Any) -> bool:
    return eqx.is_array_like(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def still(model: AbstractModel, example: Example) -> Nudges:
    """Returns nudges of zero: of the states of all layers, and of their outputs."""
    seen = jax.eval_shape(lambda: model.trace(*example.asked))

    def zeros(leaf: Any) -> Array | None:
        floats = jnp.issubdtype(leaf.dtype, jnp.inexact)
        return jnp.zeros(leaf.shape, leaf.dtype) if floats else None

    states, hs = jax.tree.map(zeros, (seen.states, seen.hs))
    return Nudges(states=states, hs=hs)


def flow_of(
    model: AbstractModel, example: Example, loss: Callable[[Array], Scalar]
) -> list[Flow]:
    """Returns the flow of each layer of a model of cells over one example.

    `loss` is a function of its answers.
    """

    def value(nudges: Nudges) -> tuple[Scalar, Trace]:
        trace = model.trace(*example.asked, nudges=nudges)
        return loss(trace.answers), trace

    felt, trace = jax.grad(value, has_aux=True)(still(model, example))
    return flows(model, trace, felt)


def flows(model: AbstractModel, trace: Trace, felt: Nudges) -> list[Flow]:
    """Returns the flow of each layer of a model over one example.

    Args:
        model: its layers are cells (`why_no_flow`).
        trace: what it did.
        felt: the gradient of the loss with respect to nudges of zero (`still`).
    """
    assert trace.inputs is not None
    assert trace.dts is not None
    assert felt.states is not None
    assert felt.hs is not None
    read, seen = (trace.inputs, *trace.hs), []
    for index, (cell, features) in enumerate(placed(model)):
        left, place = trace.states[index], output_place(cell, features)
        assert place is not None
        one = Flow(
            xs=read[index],
            dts=trace.dts,
            present=trace.present,
            found=jax.tree.map(_led_by, cell.init_state(), left),
            left=left,
            covectors=_covectors(felt.states[index], felt.hs[index], place),
        )
        seen.append(one)
    return jax.lax.stop_gradient(seen)


def _led_by(start: Array, left: Array) -> Array:
    """The states that steps find: the first finds the start, others what was left."""
    return jnp.concatenate([jnp.asarray(start, left.dtype)[None], left[:-1]])


def _covectors(found: State, output: Array, place: int) -> State:
    """The gradient with respect to what steps left.

    Of a step that is what the next one feels of the state that it finds, and what comes
    from its own output, which is a leaf of the state.
    """
    leaves, tree = jax.tree.flatten(found, is_leaf=lambda leaf: leaf is None)
    later = [
        None if leaf is None else jnp.concatenate([leaf[1:], 0 * leaf[:1]])
        for leaf in leaves
    ]
    own = later[place]
    assert own is not None
    later[place] = own + output
    return jax.tree.unflatten(tree, later)


def pulled_back(cell: AbstractCell, flow: Flow) -> tuple[Array, Array, Array]:
    """Returns squared norms of covectors: pulled back, and as they are; who is there.

    All lead with time.
    """

    def norms(found: State, x: Array, dt: Array, left: State, covector: State) -> Any:
        back = cell.pulled_back(found, x, dt, left=left, covector=covector)
        return squares(back), squares(covector)

    back, own = jax.vmap(norms)(
        flow.found, flow.xs, flow.dts, flow.left, flow.covectors
    )
    there = jnp.ones(own.shape, bool) if flow.present is None else flow.present
    return back, own, there


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
    """Returns the penalties at their strengths, summed over layers.

    Args:
        penalties: each with its strength.
        model: its weights are what moves.
        seen: the flow of each layer, with a leading axis of examples.
    """
    total = jnp.zeros(())
    for (cell, _), flow in zip(placed(model), seen, strict=True):
        ready = resolve(cell)
        for penalty, strength in penalties:
            found = jax.vmap(lambda one, act=penalty, cell=ready: act(cell, one))(flow)
            total = total + strength * jax.tree.map(jnp.sum, found).value
    return total
