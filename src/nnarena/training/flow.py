"""What a loss feels of every state of a model's cells, found in one backward pass.

The gradient of a loss with respect to all states comes with that of the weights: zeros
are added to the state that each step finds and to its output, and the gradient with
respect to those zeros is what is asked for. So a penalty on how gradients flow costs
about one more product per step, not another pass through time.
"""

import abc
from collections.abc import Sequence as Many
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ..core.types import Example, State, Times
from ..metrics.base import Mean
from ..models.base import AbstractCell, AbstractModel, Nudges, Trace
from ..models.sequence import Recurrent, SequenceModel
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
    if not isinstance(model, SequenceModel):
        return "a penalty on the flow of gradients needs layers that are cells"
    width = width_read(model)
    for layer in model.layers:
        if not isinstance(layer, Recurrent):
            name = type(layer).__name__
            return f"{name} is no cell, through whose states a gradient flows"
        name = type(layer.cell).__name__
        if layer.truncation is not None:
            return f"the gradient of {name} is cut by its truncation"
        if output_place(layer.cell, width) is None:
            return f"the output of {name} is no part of its state"
        width = layer.hidden_size
    return None


def width_read(model: SequenceModel) -> int:
    """Returns how wide the vectors are that the first layer reads."""
    embed = model.embed
    if embed is None:
        return model.signature.inputs.size
    if isinstance(embed, eqx.nn.Embedding):
        return embed.embedding_size
    return int(embed.out_features)


def output_place(cell: AbstractCell, features: int) -> int | None:
    """Returns which leaf of the state that a step leaves is its output, if one is."""
    arrays, rest = eqx.partition(cell, eqx.is_array_like)

    def step(arrays: Any, x: Array, dt: Array) -> Any:
        ready = resolve(eqx.combine(arrays, rest))
        return ready(ready.init_state(), x, dt)

    shapes = jax.ShapeDtypeStruct((features,), float), jax.ShapeDtypeStruct((), float)
    *left, h = jax.make_jaxpr(step)(arrays, *shapes).jaxpr.outvars
    return next((place for place, leaf in enumerate(left) if leaf is h), None)


def still(model: SequenceModel, example: Example) -> Nudges:
    """Returns nudges of zero: of the states of all layers, and of their outputs."""
    seen = jax.eval_shape(lambda: model.trace(*example.asked))

    def zeros(leaf: Any) -> Array | None:
        floats = jnp.issubdtype(leaf.dtype, jnp.inexact)
        return jnp.zeros(leaf.shape, leaf.dtype) if floats else None

    states, hs = jax.tree.map(zeros, (seen.states, seen.hs))
    return Nudges(states=states, hs=hs)


def flows(
    model: SequenceModel, example: Example, trace: Trace, felt: Nudges
) -> list[Flow]:
    """Returns the flow of each layer of a model over one example.

    Args:
        model: its layers are cells (`why_no_flow`).
        example: what it was asked.
        trace: what it did.
        felt: the gradient of the loss with respect to nudges of zero (`still`).
    """
    steps, _ = model.read(*example.asked)
    assert trace.inputs is not None
    assert felt.states is not None
    assert felt.hs is not None
    read = (trace.inputs, *trace.hs)
    found = []
    for index, layer in enumerate(model.layers):
        assert isinstance(layer, Recurrent)
        start, left = layer.cell.init_state(), trace.states[index]
        place = output_place(layer.cell, read[index].shape[1])
        assert place is not None
        one = Flow(
            xs=read[index],
            dts=steps.dts,
            present=steps.present,
            found=jax.tree.map(_led_by, start, left),
            left=left,
            covectors=_covectors(felt.states[index], felt.hs[index], place),
        )
        found.append(one)
    return jax.lax.stop_gradient(found)


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
    later[place] += output
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
    model: SequenceModel,
    seen: list[Flow],
) -> Float[Array, ""]:
    """Returns the penalties at their strengths, summed over layers.

    Args:
        penalties: each with its strength.
        model: its weights are what moves.
        seen: the flow of each layer, with a leading axis of examples.
    """
    total = jnp.zeros(())
    for layer, flow in zip(model.layers, seen, strict=True):
        assert isinstance(layer, Recurrent)
        cell = resolve(layer.cell)
        for penalty, strength in penalties:
            found = jax.vmap(lambda one, act=penalty, cell=cell: act(cell, one))(flow)
            total = total + strength * jax.tree.map(jnp.sum, found).value
    return total
