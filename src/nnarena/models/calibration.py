"""Scaling a model to the inputs of its task, before it is trained.

    layer 0 ── calibrated on its inputs ── outputs ─┐
    layer 1 ── calibrated on those ─────────────────┘ ...

Each layer is scaled to what the layers below it, scaled already, put out.
"""

from collections.abc import Callable, Iterator, Sequence as Several
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ..core.types import Example, Key, Scalar, Sequence
from .base import (
    AbstractCalibrated,
    AbstractCell,
    AbstractLayer,
    AbstractModel,
    AbstractRecurrence,
)
from .generating import frame_of


Build = Callable[[Key], AbstractModel]


def is_calibrated(model: PyTree) -> bool:
    """Returns whether a cell of a model, or of its shapes, is scaled to its inputs."""
    frame = frame_of(model)
    return frame is not None and any(map(_has_scaled, frame.layers))


def calibrating(build: Build, examples: Several[Example]) -> Build:
    """Returns what builds the same models, scaled to the questions of examples."""
    asked = _together(examples)

    def built(key: Key) -> AbstractModel:
        model = build(key)
        layers = list(_frame(model).layers)
        for index, _, inputs in _read(layers, model, asked):
            layers[index] = _scaled(layers[index], inputs)
        return eqx.tree_at(lambda model: _frame(model).layers, model, tuple(layers))

    return built


def figures_of(model: AbstractModel, examples: Several[Example]) -> dict[str, Scalar]:
    """Returns what a calibrated model says of itself on examples: means over cells."""
    found: dict[str, list[Scalar]] = {}
    layers = list(_frame(model).layers)
    for _, layer, inputs in _read(layers, model, _together(examples)):
        for cell, reading in _cells(layer, inputs):
            if isinstance(cell, AbstractCalibrated):
                for name, value in cell.figures(reading).items():
                    found.setdefault(name, []).append(value)
    return {name: jnp.mean(jnp.stack(values)) for name, values in found.items()}


def _scaled(layer: AbstractLayer, inputs: Sequence) -> AbstractLayer:
    """Returns a layer whose cells are scaled to its inputs, each as it reads them."""
    cells = tuple(
        cell.calibrated(reading) if isinstance(cell, AbstractCalibrated) else cell
        for cell, reading in _cells(layer, inputs)
    )
    return eqx.tree_at(lambda layer: layer.cells, layer, cells) if cells else layer


def _cells(
    layer: AbstractLayer, inputs: Sequence
) -> list[tuple[AbstractCell, Sequence]]:
    """Returns the cells of a layer with the steps as each reads them."""
    if not isinstance(layer, AbstractRecurrence):
        return []
    return list(zip(layer.cells, jax.vmap(layer.readings)(inputs), strict=True))


def _together(examples: Several[Example]) -> Any:
    """Returns what is asked in examples, with their axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(e.asked for e in examples))


def _read(
    layers: list[AbstractLayer], model: AbstractModel, asked: Any
) -> Iterator[tuple[int, AbstractLayer, Sequence]]:
    """Yields each layer with its place and its inputs, up to the last that is scaled.

    A layer may be replaced in the list before the next is asked for.
    """
    steps = jax.vmap(lambda asked: _frame(model).read(*asked)[0])(asked)
    last = max(index for index, layer in enumerate(layers) if _has_scaled(layer))
    for index in range(last + 1):
        yield index, layers[index], steps
        if index < last:
            hs = jax.vmap(layers[index])(steps)
            steps = eqx.tree_at(lambda steps: steps.xs, steps, hs)


def _frame(model: Any) -> Any:
    frame = frame_of(model)
    assert frame is not None, "only parts of the shared frame are calibrated"
    return frame


def _has_scaled(layer: PyTree) -> bool:
    cells = layer.cells if isinstance(layer, AbstractRecurrence) else ()
    return any(isinstance(cell, AbstractCalibrated) for cell in cells)
