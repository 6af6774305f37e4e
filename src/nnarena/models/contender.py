"""A contender: a registered model with its settings, ready to be built for a task."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from ..core.frozen import trainable
from ..core.problems import CannotPlay
from ..core.registry import Entry, Shared
from ..core.seeds import key_shape
from ..core.types import Key, Signature
from ..nn.parametrization import resolve
from ..nn.unroll import Checkpoint
from . import MODELS
from .base import AbstractCell, AbstractLayer, AbstractModel
from .sequence import (
    Embed,
    Head,
    Readout,
    Recurrent,
    SequenceModel,
    make_embed,
    make_head,
)


FRAME_SETTINGS = {
    "depth": Shared(int, 1),
    "embed": Shared(Embed, "linear"),
    "head": Shared(Head, "linear"),
    "readout": Shared(Readout, "last"),
    "checkpoint": Shared(Checkpoint, "none"),
    "truncation": Shared(int | None, None),
    "dropout": Shared(float, 0.0),
}
"""Settings of the frame, which every cell and layer accepts besides its own."""


@dataclass(frozen=True)
class Contender:
    """What is entered: a name and the settings that differ from its defaults.

    Raises:
        UnknownName: no model carries the name.
        ValueError: the model has no setting of that name, or not that value.
    """

    name: str
    given: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        _ = self.settings  # a wrong name is refused here, not in the middle of a suite

    @property
    def entry(self) -> Entry:
        return MODELS[self.name]

    @property
    def framed(self) -> bool:
        """Whether it stands in the shared frame or is a whole model of its own."""
        return issubclass(self.entry.make, AbstractCell | AbstractLayer)  # pyright: ignore

    @property
    def frame(self) -> Mapping[str, Shared]:
        """The settings of the frame that it stands in; none if it is a whole model."""
        return FRAME_SETTINGS if self.framed else {}

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, those given over the defaults."""
        return self.entry.settings(self.given, self.frame)

    def for_signature(self, signature: Signature) -> "Contender":
        """Returns the contender as it plays a task: made causal where that is asked.

        That takes a setting `causal`. Who gives the setting keeps what was given;
        `build` refuses what is not causal then.
        """
        free = "causal" in self.entry.defaults and "causal" not in self.given
        if not (signature.needs_causality and free):
            return self
        return replace(self, given={**self.given, "causal": True})

    def build(self, signature: Signature, width: int, *, key: Key) -> AbstractModel:
        """Returns the model with random weights, for one kind of input and output.

        Raises:
            CannotPlay: its answers use later inputs, and the signature forbids that.
        """
        model = self._build(signature, width, key=key)
        if signature.needs_causality and not model.causal:
            raise CannotPlay(self._looks_ahead)
        return model

    @property
    def _looks_ahead(self) -> str:
        reason = "its answers use later inputs, and the task forbids that"
        if "causal" not in self.entry.defaults:
            return reason
        return f"{reason}; with causal=true, or without a word on it, it can play"

    def _build(self, signature: Signature, width: int, *, key: Key) -> AbstractModel:
        settings = self.settings
        if not self.framed:
            return self.entry.make(signature, width, key=key, **settings)
        frame = {
            name: settings.pop(name, one.default) for name, one in self.frame.items()
        }
        return self._framed(signature, width, frame, settings, key=key)

    def _framed(
        self,
        signature: Signature,
        width: int,
        frame: Mapping[str, Any],
        own: Mapping[str, Any],
        *,
        key: Key,
    ) -> SequenceModel:
        """Returns layers of the entrant, with its own settings, in the shared frame."""
        if frame["depth"] < 1:
            raise ValueError(f"depth is {frame['depth']}, but takes at least one layer")
        frame_key, *layer_keys = jax.random.split(key, 1 + frame["depth"])
        embed_key, head_key = jax.random.split(frame_key)
        embed = make_embed(frame["embed"], signature, width, key=embed_key)
        features = signature.inputs.size if embed is None else width
        layers = []
        for layer_key in layer_keys:
            part = self.entry.make(features, width, key=layer_key, **own)
            layers.append(self._layer(part, frame))
            features = layers[-1].hidden_size
        return SequenceModel(
            signature,
            tuple(layers),
            embed=embed,
            head=make_head(frame["head"], signature, features, key=head_key),
            readout=frame["readout"],
            dropout=frame["dropout"],
        )

    def _layer(self, part: Any, frame: Mapping[str, Any]) -> AbstractLayer:
        """Returns the entrant's part as a layer."""
        own = {name: frame[name] for name in ("checkpoint", "truncation")}
        if isinstance(part, AbstractCell):
            return Recurrent(part, **own)
        for name, value in own.items():
            if value != FRAME_SETTINGS[name].default:
                raise ValueError(
                    f"{self.name!r} is no recurrence, and {name} is of the gradient "
                    "through its steps: leave it out"
                )
        return part

    def shapes(self, signature: Signature, width: int) -> PyTree:
        """Returns the model with shapes in place of weights; allocates nothing."""
        return eqx.filter_eval_shape(
            lambda key: self.build(signature, width, key=key), key_shape()
        )


def count_parameters(model: PyTree) -> int:
    """Returns how many numbers training may change, of a model or of its shapes."""
    free = eqx.filter(model, trainable(model))
    return sum(leaf.size for leaf in jax.tree.leaves(free))


def count_state(model: PyTree) -> int | None:
    """Returns how many numbers a model, or its shapes, carries from step to step.

    None for what looks back at its inputs instead, as attention does, and for whole
    models of their own, of which the arena knows no step.
    """
    layers = model.layers if isinstance(model, SequenceModel) else ()
    cells = [layer.cell for layer in layers if isinstance(layer, Recurrent)]
    if not cells or len(cells) < len(layers):
        return None
    states = eqx.filter_eval_shape(
        lambda cells: [resolve(cell).init_state() for cell in cells], cells
    )
    return sum(state.size for state in jax.tree.leaves(states))


def fit_width(contender: Contender, signature: Signature, *, parameters: int) -> int:
    """Returns the width whose parameter count is nearest to `parameters`.

    Allocates nothing: shapes are traced, not computed. Of two equally near widths
    the smaller is taken. A width at which the contender cannot be built, as one of
    fewer units than it has layers of rotations, is too small.

    Raises:
        ValueError: even the least width is more than twice the budget, or no number of
            units is enough, because the size does not grow with them or there is none
            at which the contender can be built.
    """

    @functools.cache
    def size(width: int) -> int:
        try:
            return count_parameters(contender.shapes(signature, width))
        except ValueError:
            return 0

    low, high = 1, 16
    while size(high) < parameters:
        if high > parameters:  # a unit without a weight: it would never be reached
            contender.shapes(signature, high)  # says why, if it cannot be built
            raise ValueError(
                f"{contender.name} has only {size(high):,} parameters at width "
                f"{high:,}: a budget of {parameters:,} cannot be met"
            )
        low, high = high, 4 * high
    while high - low > 1:
        middle = _between(low, size(low), high, size(high), parameters)
        low, high = (middle, high) if size(middle) < parameters else (low, middle)
    built = [width for width in (low, high) if size(width)]
    best = min(built, key=lambda width: (abs(size(width) - parameters), width))
    if size(best) > 2 * parameters:
        raise ValueError(
            f"{contender.name} has {size(best):,} parameters at width {best}: "
            f"a budget of {parameters:,} cannot be met"
        )
    return best


def _between(low: int, small: int, high: int, large: int, wanted: int) -> int:
    """Returns where to look for a size: sizes grow about as the square of a width."""
    roots = [math.sqrt(size) for size in (small, large, wanted)]
    part = (roots[2] - roots[0]) / (roots[1] - roots[0]) if large > small else 0.5
    return min(max(low + round(part * (high - low)), low + 1), high - 1)
