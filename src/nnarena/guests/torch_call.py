"""Torch inside a JAX program: one operation whose value and pullback torch computes.

`torch_call(make, weights, *inputs, shape=...)` is differentiable in reverse and may be
mapped and compiled. The operation always has one axis of examples, so that a batch
reaches torch as one call, and the gradient of a batch's weights is summed there:

    vmap over inputs               one call of all examples
    grad of a vmap over inputs     one call; the weights' gradient is their sum
    vmap over weights (seeds)      one call per seed
    vmap of grad for the weights   one call per example, since each gradient is asked

The last two lines are why this is an operation of its own and no `jax.custom_vjp`:
mapped, such a rule is asked for the weights' gradient of every example even where
only the sum is wanted, and `custom_vmap` has no reverse mode.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

from .torch_host import Make, answer, pull_back


@dataclass(frozen=True)
class Call:
    """What is the same at every call: the module, its parameters, the answer's shape.

    Operands are the weights in the order of `names`, then inputs that lead with
    examples. `wanted` says of which operands a pullback returns the cotangents.
    """

    make: Make
    names: tuple[str, ...]
    shape: tuple[int, ...]
    wanted: tuple[bool, ...] = ()

    def wants(self, *wanted: bool) -> "Call":
        """Returns the same call, asked for the cotangents of these operands."""
        return Call(self.make, self.names, self.shape, wanted)

    @property
    def wants_weights(self) -> bool:
        return any(self.wanted[: len(self.names)])


def torch_call(
    make: Make, weights: dict[str, Array], *inputs: Array, shape: tuple[int, ...]
) -> Float[Array, "..."]:
    """Returns what a torch module with these weights answers to ONE example.

    The module meets inputs with a leading axis of examples and answers in float32 of
    `shape` for each. Integer inputs reach it as int64 and have no gradient.
    """
    call = Call(make, tuple(sorted(weights)), shape)
    operands = [weights[name] for name in call.names]
    (answers,) = _answer.bind(*operands, *(x[None] for x in inputs), call=call)
    return answers[0]


def _primitive(name: str) -> Primitive:
    primitive = Primitive(name)
    primitive.multiple_results = True
    return primitive


# Named callbacks, so that who counts operations knows that these hide some.
_answer = _primitive("torch_callback")
_pullback = _primitive("torch_pullback_callback")
_tangent = _primitive("torch_tangent")


def _like_operands(operands: Any, call: Call) -> list[Any]:
    wanted = zip(operands, call.wanted, strict=False)  # the last is the cotangent
    return [ShapedArray(x.shape, x.dtype) for x, wants in wanted if wants]


def _like_answers(*operands: Any, call: Call) -> list[Any]:
    examples = operands[len(call.names)].shape[0]
    return [ShapedArray((examples, *call.shape), jnp.dtype("float32"))]


def _structs(shaped: list[Any]) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in shaped]


def _answer_here(*operands: Array, call: Call) -> list[Array]:
    shapes = _structs(_like_answers(*operands, call=call))
    return jax.pure_callback(
        lambda *arrays: answer(call.make, call.names, arrays), shapes, *operands
    )


def _pull_back_here(*operands: Array, call: Call) -> list[Array]:
    return jax.pure_callback(
        lambda *arrays: pull_back(call.make, call.names, call.wanted, arrays),
        _structs(_like_operands(operands, call)),
        *operands,
    )


def _no_tangents(*operands: Array, call: Call) -> list[Array]:
    raise NotImplementedError("torch guests have gradients in reverse mode only")


for _one, _rule, _shapes in (
    (_answer, _answer_here, _like_answers),
    (_pullback, _pull_back_here, lambda *xs, call: _like_operands(xs, call)),
    (_tangent, _no_tangents, _like_answers),
):
    _one.def_impl(_rule)
    _one.def_abstract_eval(_shapes)
    mlir.register_lowering(_one, mlir.lower_fun(_rule, multiple_results=True))


def _differentiate(primals: Any, tangents: Any, *, call: Call) -> tuple[Any, Any]:
    """The tangent is a symbol of its own, which only knows how to be transposed."""
    moved = [type(tangent) is not ad.Zero for tangent in tangents]
    answers = _answer.bind(*primals, call=call)
    given = [tangent for tangent in tangents if type(tangent) is not ad.Zero]
    return answers, _tangent.bind(*primals, *given, call=call.wants(*moved))


def _transpose(cotangents: Any, *operands: Any, call: Call) -> list[Any]:
    (cotangent,), count = cotangents, len(call.wanted)
    missing = [None] * count
    if type(cotangent) is ad.Zero:
        return missing + [None] * sum(call.wanted)
    return missing + _pullback.bind(*operands[:count], cotangent, call=call)


ad.primitive_jvps[_answer] = _differentiate
ad.primitive_transposes[_tangent] = _transpose


def _batch(primitive: Primitive, operands: Any, axes: Any, *, call: Call) -> Any:
    """More examples for one call; or one call for each, where weights differ."""
    count, pairs = len(call.names), list(zip(operands, axes, strict=True))
    size = next(x.shape[axis] for x, axis in pairs if axis is not None)
    one_by_one = primitive is _pullback and call.wants_weights
    if one_by_one or any(axis is not None for axis in axes[:count]):
        each = [_leading(x, axis, size) for x, axis in pairs]
        found = jax.lax.map(lambda xs: primitive.bind(*xs, call=call), each)
        return found, [0] * len(found)
    spread = [_leading(x, axis, size) for x, axis in pairs[count:]]
    joined = [x.reshape(-1, *x.shape[2:]) for x in spread]
    found = primitive.bind(*operands[:count], *joined, call=call)
    return [x.reshape(size, -1, *x.shape[1:]) for x in found], [0] * len(found)


def _leading(x: Array, axis: int | None, size: int) -> Array:
    if axis is None:
        return jnp.broadcast_to(x[None], (size, *x.shape))
    return jnp.moveaxis(x, axis, 0)


batching.primitive_batchers[_answer] = partial(_batch, _answer)
batching.primitive_batchers[_pullback] = partial(_batch, _pullback)
