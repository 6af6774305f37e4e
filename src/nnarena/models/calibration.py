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
from .base import AbstractCalibrated, AbstractLayer, AbstractModel
from .generating import frame_of


Build = Callable[[Key], AbstractModel]


def is_calibrated(model: PyTree) -> bool:
    """Returns whether a part of a model, or of its shapes, is scaled to its inputs."""
    frame = frame_of(model)
    return frame is not None and any(map(_scaled_parts, frame.layers))


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
    """Returns what a calibrated model says of itself on examples: means over parts."""
    asked = _together(examples)
    found: dict[str, list[Scalar]] = {}
    layers = list(_frame(model).layers)
    for _, layer, inputs in _read(layers, model, asked):
        for part in _scaled_parts(layer):
            for name, value in part.figures(inputs).items():
                found.setdefault(name, []).append(value)
    return {name: jnp.mean(jnp.stack(values)) for name, values in found.items()}


def _scaled(layer: AbstractLayer, inputs: Sequence) -> AbstractLayer:
    """Returns a layer whose cells are scaled to its inputs: of two directions, both."""
    return jax.tree.map(
        lambda part: part.calibrated(inputs) if _is_scaled(part) else part,
        layer,
        is_leaf=_is_scaled,
    )


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
    last = max(index for index, layer in enumerate(layers) if _scaled_parts(layer))
    for index in range(last + 1):
        yield index, layers[index], steps
        if index < last:
            hs = jax.vmap(layers[index])(steps)
            steps = eqx.tree_at(lambda steps: steps.xs, steps, hs)


def _frame(model: Any) -> Any:
    frame = frame_of(model)
    assert frame is not None, "only parts of the shared frame are calibrated"
    return frame


def _is_scaled(part: Any) -> bool:
    return isinstance(part, AbstractCalibrated)


def _scaled_parts(layer: PyTree) -> list[AbstractCalibrated]:
    """Returns the cells of a layer that are scaled to its inputs."""
    return list(filter(_is_scaled, jax.tree.leaves(layer, is_leaf=_is_scaled)))
