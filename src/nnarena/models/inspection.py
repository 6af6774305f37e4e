"""Holding a contender to what its kind returns, before anything is compiled.

Shapes are traced and nothing is computed. A user's contender that returns
what it should not is named by its file and line here; the program that it would end in
can only say which of its operations met which numbers.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.faults import (
    EntrantProblem,
    blaming,
    is_real,
    place_of,
    require_constructor,
    require_sound as require,
    told,
)
from ..core.types import Features, Sequence, Signature, Tokens
from ..nn.parametrization import resolve
from .base import AbstractCell, AbstractFold, AbstractLayer, AbstractModel
from .contender import Contender
from .generating import frame_of
from .sequence import Recurrent


Shape = jax.ShapeDtypeStruct


def require_contender(contender: Contender) -> None:
    """Returns if a contender's class can be made as the arena makes it.

    Raises:
        EntrantProblem: it is not a contender's class, or its constructor takes others.
    """
    make = contender.entry.make
    kinds = (AbstractCell, AbstractLayer, AbstractModel)
    if not (isinstance(make, type) and issubclass(make, kinds)):
        raise EntrantProblem(
            f"{place_of(make)}is registered as a model, but is not an AbstractCell, "
            "AbstractLayer or AbstractModel"
        )
    own = {n: v for n, v in contender.settings.items() if n not in contender.frame}
    sizes = "features, hidden" if contender.framed else "signature, hidden"
    require_constructor(make, sizes, own, key=True)


def require_answers(
    contender: Contender, signature: Signature, width: int, length: int
) -> None:
    """Returns if a contender's parts return what their kinds have to, traced.

    Raises:
        EntrantProblem: one does not; names the first, with file and line.
    """
    require_contender(contender)
    make = contender.entry.make
    with blaming(make, "__init__", f"at width {width}"):
        model = contender.shapes(signature, width)
    asked = [_steps(inputs, length) for inputs in _read(signature)]
    if (frame := frame_of(model)) is not None:
        steps, _ = eqx.filter_eval_shape(frame.read, *asked)
        hs = steps.xs
        for layer in frame.layers:
            hs = _output(layer, steps, hs)
    else:
        require(
            isinstance(model, AbstractModel),
            make,
            "__init__",
            f"expected to make an AbstractModel, but it made {told(model)}",
        )
    with blaming(make, "__call__", f"asked {_inputs_told(asked[0].xs)}"):
        answers = eqx.filter_eval_shape(model, *asked)
    wanted = (*signature.answer_axes(length), signature.outputs.size)
    require(
        is_real(answers, wanted),
        make,
        "__call__",
        f"returned {told(answers)} to {length} steps, but a task that answers "
        f"{signature.when} expects answers of shape {wanted} in float32",
    )


def _output(layer: AbstractLayer, question: Sequence, xs: Shape) -> Shape:
    """Returns the output of one layer, held to what it has to be."""
    if isinstance(layer, Recurrent):
        x = Shape(xs.shape[1:], xs.dtype)
        _require_step(layer.cell, x)
        if isinstance(layer.cell, AbstractFold):
            _require_fold(layer.cell, x)
        return Shape((xs.shape[0], layer.hidden_size), xs.dtype)
    make = type(layer)
    with blaming(make, "__call__", f"given {_inputs_told(xs)}"):
        hs = eqx.filter_eval_shape(_answer, layer, question, xs)
    wanted = (xs.shape[0], layer.hidden_size)
    require(
        is_real(hs, wanted),
        make,
        "__call__",
        f"returned {told(hs)} for {xs.shape[0]} steps, but expected is one output of "
        f"`hidden_size` numbers for each: shape {wanted} in float32",
    )
    return hs


def _require_step(cell: AbstractCell, x: Shape) -> None:
    """Returns if a cell keeps its state's form and gives `hidden_size` numbers."""
    make = type(cell)
    with blaming(make, "init_state", "before the first step"):
        state = eqx.filter_eval_shape(_start, cell)
    given = f"given an input of shape {x.shape} and {told(state)} as its state"
    with blaming(make, "__call__", given):
        answer = eqx.filter_eval_shape(_step, cell, state, x, Shape((), jnp.float32))
    require(
        isinstance(answer, tuple) and len(answer) == 2,
        make,
        "__call__",
        f"returned {told(answer)}, but expected is a pair: the next state, the output",
    )
    after, h = answer
    require(
        _form(after) == _form(state),
        make,
        "__call__",
        f"returned {told(after)} as its next state, but `init_state` began with "
        f"{told(state)}: shapes and types stay from step to step",
    )
    require(
        is_real(h, (cell.hidden_size,)),
        make,
        "__call__",
        f"returned {told(h)} as its output, but `hidden_size` is "
        f"{cell.hidden_size}: expected is shape ({cell.hidden_size},) in float32",
    )


def _require_fold(cell: AbstractFold, x: Shape) -> None:
    """Returns if two elements of a fold combine to one: a CPU would not ask for it."""
    make = type(cell)
    element = eqx.filter_eval_shape(_element, cell, x, Shape((), jnp.float32))
    with blaming(make, "combine", f"given {told(element)} twice"):
        combined = eqx.filter_eval_shape(_combined, cell, element, element)
    require(
        _form(combined) == _form(element),
        make,
        "combine",
        f"returned {told(combined)} for two elements, but `element` gives "
        f"{told(element)}: shapes and types stay, however many are combined",
    )


def _answer(layer: AbstractLayer, question: Sequence, xs: Any) -> Any:
    return layer(question.with_xs(xs))


def _start(cell: AbstractCell) -> Any:
    return jax.tree.map(jnp.asarray, resolve(cell).init_state())


def _step(cell: AbstractCell, state: Any, x: Any, dt: Any) -> Any:
    return resolve(cell)(state, x, dt)


def _element(cell: AbstractFold, x: Any, dt: Any) -> Any:
    return resolve(cell).element(x, dt)


def _combined(cell: AbstractFold, earlier: Any, later: Any) -> Any:
    return resolve(cell).combine(earlier, later)


def _form(state: Any) -> Any:
    """Returns what a loop needs to stay the same of a state."""
    leaves, structure = jax.tree.flatten(state)
    return structure, [_array_form(leaf) for leaf in leaves]


def _array_form(leaf: Any) -> Any:
    return getattr(leaf, "shape", ()), jnp.result_type(getattr(leaf, "dtype", leaf))


def _read(signature: Signature) -> list[Features | Tokens]:
    """Returns what is read: the question and, if there is one, the context."""
    context = signature.context
    return [signature.inputs, *([] if context is None else [context])]


def _steps(inputs: Features | Tokens, length: int) -> Sequence:
    """Returns steps with shapes in place of their arrays, all present."""
    size = inputs.size
    tokens = isinstance(inputs, Tokens)

    def made() -> Sequence:
        return Sequence(jnp.zeros(length, int) if tokens else jnp.zeros((length, size)))

    return eqx.filter_eval_shape(made)


def _inputs_told(xs: Any) -> str:
    return f"{xs.shape[0]} steps of {xs.dtype}, shape {xs.shape},"
