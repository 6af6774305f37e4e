"""A contender: a registered model with its settings, ready to be built for a task."""

import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from ..core.frozen import trainable
from ..core.numbers import AtLeastOne, BelowOne
from ..core.problems import CannotPlay
from ..core.registry import Entry, Shared
from ..core.seeds import key_shape
from ..core.types import Key, Signature
from ..nn.joined import make_context
from ..nn.parametrization import resolve
from ..nn.unroll import Checkpoint
from . import MODELS
from .base import AbstractCell, AbstractLayer, AbstractModel, AbstractRecurrence
from .ends import Embed, Head, embedding, make_embed, make_head
from .generating import CausalDecoder, RecurrentDecoder, frame_of
from .playing import why_not
from .sequence import Readout, Recurrent, SequenceModel


FRAME_SETTINGS = {
    "depth": Shared(AtLeastOne, 1),
    "embed": Shared(Embed, "linear"),
    "head": Shared(Head, "linear"),
    "readout": Shared(Readout, "last"),
    "checkpoint": Shared(Checkpoint, "none"),
    "truncation": Shared(AtLeastOne | None, None),
    "dropout": Shared(BelowOne, 0.0),
}
"""Settings of the frame, which every cell and layer accepts besides its own."""

MODELS.shared = 'contenders, as in "elman({}=...)"', (*FRAME_SETTINGS,)


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
        """Whether it stands in the shared frame, not as a model of its own."""
        return issubclass(self.entry.make, AbstractCell | AbstractLayer)  # pyright: ignore

    @property
    def frame(self) -> Mapping[str, Shared]:
        """The settings of the frame that it stands in; none if it is a whole model."""
        return self.entry.in_frame(FRAME_SETTINGS) if self.framed else {}

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, those given over the defaults."""
        return self.entry.settings(self.given, self.frame)

    def for_signature(self, signature: Signature) -> "Contender":
        """Returns the contender as it plays a task: made causal where that is asked.

        That takes a setting `causal`, which stays as it is where it was given.
        """
        free = "causal" in self.entry.defaults and "causal" not in self.given
        if not (self._causality(signature) and free):
            return self
        return replace(self, given={**self.given, "causal": True})

    def _causality(self, signature: Signature) -> bool:
        """Whether it may use no later input; a layer reads what it generates."""
        generates = self.framed and signature.generated is not None
        return signature.needs_causality or generates

    def build(self, signature: Signature, width: int, *, key: Key) -> AbstractModel:
        """Returns the model with random weights, for one kind of input and output.

        Raises:
            CannotPlay: its answers use later inputs, and the signature forbids that, or
                it has no way to read a context or to answer as the signature asks.
        """
        if (reason := self.why_not(signature)) is not None:
            raise CannotPlay(reason)
        model = self._build(signature, width, key=key)
        if self._causality(signature) and not model.causal:
            raise CannotPlay(self._looks_ahead)
        return model

    def why_not(self, signature: Signature) -> str | None:
        """Returns what a whole model lacks to play, or None; the frame has it all."""
        make = self.entry.make
        if self.framed or not isinstance(make, type):
            return None
        return why_not(make, signature)

    @property
    def _looks_ahead(self) -> str:
        reason = "its answers use later inputs, and the task forbids that"
        if "causal" not in self.entry.defaults:
            return reason
        return f"{reason}; with causal=true, or without that setting, it can play"

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
    ) -> AbstractModel:
        """Returns layers of the entrant, with its own settings, in the shared frame."""
        frame_key, *layer_keys = jax.random.split(key, 1 + frame["depth"])
        embed_key, head_key = jax.random.split(frame_key)
        embed = make_embed(frame["embed"], signature, width, key=embed_key)
        make = functools.partial(embedding, width=width)
        features = signature.inputs.size if embed is None else width
        parts = self._parts(features, width, own, layer_keys)
        hidden = parts[-1].hidden_size
        head = make_head(frame["head"], signature, hidden, key=head_key)
        model = SequenceModel(
            signature,
            tuple(self._layer(part, frame) for part in parts),
            embed=embed,
            context=make_context(signature, make, key=embed_key),
            head=None if signature.generated else head,
            readout=frame["readout"],
            dropout=frame["dropout"],
        )
        if not signature.generated:
            return model
        table_key = jax.random.fold_in(head_key, 1)
        table = eqx.nn.Embedding(signature.outputs.size, width, key=table_key)
        if not all(isinstance(part, AbstractCell) for part in parts):
            return CausalDecoder(model, table, head)
        own_keys = [jax.random.fold_in(layer_key, 1) for layer_key in layer_keys]
        return RecurrentDecoder(
            model, table, self._parts(width, width, own, own_keys), head
        )

    def _parts(
        self, features: int, width: int, own: Mapping[str, Any], keys: Sequence[Key]
    ) -> tuple[Any, ...]:
        """Returns one cell or layer of the entrant on top of the other."""
        parts = []
        for key in keys:
            parts.append(self.entry.make(features, width, key=key, **own))
            features = parts[-1].hidden_size
        return tuple(parts)

    def _layer(self, part: Any, frame: Mapping[str, Any]) -> AbstractLayer:
        """Returns the entrant's part as a layer."""
        own = {name: frame[name] for name in ("checkpoint", "truncation")}
        layer: Any = Recurrent(part) if isinstance(part, AbstractCell) else part
        if isinstance(layer, AbstractRecurrence):
            return layer.run(**own)
        for name, value in own.items():
            if value != self.frame[name].default:
                raise ValueError(
                    f"{self.name!r} is not a recurrence, and {name} is of the gradient "
                    "through its steps: leave it out"
                )
        return layer

    def shapes(self, signature: Signature, width: int) -> PyTree:
        """Returns the model with shapes in place of weights; allocates nothing.

        A plan asks for the same on every task of one signature, so each is traced once.

        Raises:
            CannotPlay, ValueError: as `build` does.
        """
        said = json.dumps(self.settings, sort_keys=True, default=repr)
        precise = bool(jax.config.read("jax_enable_x64"))
        return _traced(
            _Shapes(
                key=(self.entry.make, said, repr(signature), width, precise),
                build=functools.partial(self.build, signature, width),
            )
        )


@dataclass(frozen=True)
class _Shapes:
    """What builds a model, and all that its shapes depend on."""

    key: tuple
    build: Callable[..., AbstractModel] = field(compare=False)


@functools.lru_cache(maxsize=4_096)
def _traced(shapes: _Shapes) -> PyTree:
    return eqx.filter_eval_shape(lambda key: shapes.build(key=key), key_shape())


def count_parameters(model: PyTree) -> int:
    """Returns how many numbers training may change, of a model or of its shapes."""
    free = eqx.filter(model, trainable(model))
    return sum(leaf.size for leaf in jax.tree.leaves(free))


def count_state(model: PyTree) -> int | None:
    """Returns how many numbers a model, or its shapes, carries from step to step.

    None for what looks back at its inputs instead, as attention does, and for whole
    models of their own, of which the arena knows no step.
    """
    frame = frame_of(model)
    layers = () if frame is None else frame.layers
    cells = [layer.cell for layer in layers if isinstance(layer, Recurrent)]
    if not cells or len(cells) < len(layers):
        return None
    states = eqx.filter_eval_shape(
        lambda cells: [resolve(cell).init_state() for cell in cells], cells
    )
    return sum(state.size for state in jax.tree.leaves(states))


def fit_width(contender: Contender, signature: Signature, *, parameters: int) -> int:
    """Returns the width whose parameter count is nearest to `parameters`.

    Allocates nothing. Of two equally near widths the smaller is taken. One at which the
    contender cannot be built, as one of fewer units than periods, is too small.

    Raises:
        ValueError: even the least width is more than twice the budget, or no number of
            units is enough: the size does not grow, or none can be built.
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
