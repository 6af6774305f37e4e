"""Holding a task to what it has to give, before anything is compiled."""

from collections.abc import Iterator, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core.compiling import RUN_ONCE, jit
from ..core.faults import (
    EntrantProblem,
    blaming,
    place_of,
    require_constructor,
    require_sound as require,
    told,
)
from ..core.registry import Entry
from ..core.scoring import Scoring
from ..core.seeds import key_for
from ..core.types import (
    Classes,
    Example,
    Features,
    Labels,
    Sequence,
    Signature,
    Tokens,
    Values,
)
from .base import AbstractTask, Rows, Splits


Shape = jax.ShapeDtypeStruct


def make_sound_task(entry: Entry, settings: Mapping[str, Any]) -> AbstractTask:
    """Returns the task of an entry, held to what a task has to say of itself.

    Raises:
        EntrantProblem: its class cannot be made, or says what no task can say.
    """
    make = entry.make
    if not (isinstance(make, type) and issubclass(make, AbstractTask)):
        raise EntrantProblem(
            f"{place_of(make)}is registered as a task, but is not an AbstractTask"
        )
    require_constructor(make, "", settings, key=False)
    with blaming(make, "__init__", "with its settings"):
        task = make(**settings)
    for name, kind in (("signature", Signature), ("scoring", Scoring)):
        with blaming(make, name, "asked for"):
            found = getattr(task, name)
        require(
            isinstance(found, kind),
            make,
            name,
            f"is {told(found)}, but expected is a {kind.__name__}",
        )
    require(
        task.axis is None or task.axis in settings,
        make,
        None,
        f"names {task.axis!r} as its axis, but that is not a setting of it; it has: "
        f"{', '.join(settings) or 'none'}",
    )
    return task


def sound_splits(task: AbstractTask, name: str, data: Any) -> Splits:
    """Returns a task's rows, held to what rows have to be; they depend on it alone.

    Raises:
        DataProblem: a file is missing or wrong.
        EntrantProblem: they are not rows, or what they become is not an example.
    """
    make = type(task)
    with blaming(make, "splits", "asked for its rows"):
        splits = task.splits(data, key=key_for("data", name))
    require(
        isinstance(splits, Splits),
        make,
        "splits",
        f"returned {told(splits)}, but expected is Splits(train, validation, test)",
    )
    for part in ("train", "validation", "test"):
        rows = getattr(splits, part)
        if part != "train" or rows is not None:
            _require_rows(make, part, rows)
    _require_example(task, splits)
    return splits


def _require_rows(make: type, part: str, rows: Rows) -> None:
    leaves = jax.tree.leaves(rows)
    arrays = all(isinstance(leaf, np.ndarray | jax.Array) for leaf in leaves)
    require(
        leaves and arrays,
        make,
        "splits",
        f"gave {told(rows)} as {part} rows, but expected are arrays, or random keys, "
        "with a leading axis of rows",
    )
    counts = sorted({leaf.shape[0] if leaf.shape else 0 for leaf in leaves})
    require(
        len(counts) == 1 and counts[0] > 0,
        make,
        "splits",
        f"gave {part} rows whose arrays have {' and '.join(map(str, counts))} rows, "
        "but expected are equally many, and one at least",
    )


def example_shapes(task: AbstractTask, splits: Splits) -> Example:
    """Returns the example of a row with shapes in place of its arrays, traced.

    Raises:
        EntrantProblem: the task cannot be traced.
    """
    row = jax.tree.map(lambda column: jnp.asarray(column[0]), splits.validation)
    with blaming(type(task), "example", f"given a row of {told(row)}"):
        return eqx.filter_eval_shape(task.example, row)


def examples_of(task: AbstractTask, splits: Splits, count: int) -> list[Example]:
    """Returns the examples of the first rows that validation has, so many at the most.

    Raises:
        EntrantProblem: the task makes none.
    """
    columns = jax.tree.leaves(splits.validation)
    places = range(min(count, len(columns[0])))
    make = jit(task.example, RUN_ONCE)
    rows = [jax.tree.map(lambda c, at=at: c[at], splits.validation) for at in places]
    with blaming(type(task), "example", "given a row"):
        return [make(row) for row in rows]


def _require_example(task: AbstractTask, splits: Splits) -> None:
    """Returns if a row becomes an example of the signature's shapes, traced.

    Raises:
        EntrantProblem: it does not; names the first part that is wrong.
    """
    make, example = type(task), example_shapes(task, splits)
    require(
        isinstance(example, Example),
        make,
        "example",
        f"returned {told(example)}, but expected is an Example",
    )
    require(
        isinstance(example.question, Sequence),
        make,
        "example",
        f"gave {told(example.question)} as `question`, but expected is a Sequence",
    )
    signature, context = task.signature, example.context
    require(
        isinstance(context, Sequence | None)
        and (context is None) == (signature.context is None),
        make,
        "example",
        f"gave {told(context)} as `context`, but by the signature "
        f"{'there is none' if signature.context is None else 'it is a Sequence'}",
    )
    for part, found, shape, kind in _parts(signature, example):
        if found is None and part.endswith(("present", "counts")):
            continue  # all steps are there, and all answers count
        fits = isinstance(found, Shape) and _fits(found, shape, kind)
        require(
            fits,
            make,
            "example",
            f"gave {told(found)} as `{part}`, but expected, by the signature, is an "
            f"array of shape {_shape_told(shape)} in {KINDS[kind]}",
        )


KINDS = {
    np.floating: "float32",
    np.integer: "int32",
    np.bool_: "bool",
}
"""Kinds of numbers, in the words for those that are usual."""


def _parts(
    signature: Signature, example: Example
) -> Iterator[tuple[str, Any, tuple[int | None, ...], type]]:
    """Yields each part's name, what it is, and the shape and kind that it has to have.

    A length that is not known is None.
    """
    outputs, context = signature.outputs, signature.context
    yield from _steps("", example.question, signature.inputs)
    if context is not None and example.context is not None:
        yield from _steps("context.", example.context, context)
    kinds = {Classes: np.integer, Labels: np.bool_, Values: np.floating}
    axes = signature.answer_axes(_length(example.question))
    shape = axes if isinstance(outputs, Classes) else (*axes, outputs.size)
    yield "targets", example.targets, shape, kinds[type(outputs)]
    yield "counts", example.counts, axes, np.bool_
    if signature.facts:
        yield "support", example.support, (signature.facts,), np.integer


def _steps(
    name: str, sequence: Sequence, inputs: Features | Tokens
) -> Iterator[tuple[str, Any, tuple[int | None, ...], type]]:
    time, features = _length(sequence), isinstance(inputs, Features)
    shape = (time, inputs.size) if features else (time,)
    yield f"{name}xs", sequence.xs, shape, np.floating if features else np.integer
    yield f"{name}dts", sequence.dts, (time,), np.floating
    yield f"{name}present", sequence.present, (time,), np.bool_


def _length(sequence: Sequence) -> int | None:
    shape = getattr(sequence.xs, "shape", ())
    return shape[0] if shape else None


def _fits(found: Shape, shape: tuple[int | None, ...], kind: type) -> bool:
    return found.shape == shape and bool(jnp.issubdtype(found.dtype, kind))


def _shape_told(shape: tuple[int | None, ...]) -> str:
    inside = ", ".join("time" if size is None else str(size) for size in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"
