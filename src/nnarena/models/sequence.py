"""The frame that most contenders share: embed -> layers -> readout -> head."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core.numbers import BelowOne, require
from ..core.types import Inputs, Key, Sequence, Signature, State
from ..nn.attention_map import Maps
from ..nn.fold import unroll_fold
from ..nn.joined import Context, Embedding, before
from ..nn.linear import affine, as_vectors, embedded
from ..nn.parametrization import resolve
from ..nn.trace import NO_NUDGES, Nudges, Trace, nudged
from ..nn.unroll import Checkpoint, Unrolled, unroll
from .base import (
    AbstractCell,
    AbstractFold,
    AbstractLayer,
    AbstractModel,
    AbstractRecurrence,
)


Readout = Literal["last", "mean"]


class Recurrent(AbstractRecurrence):
    """A cell run over the sequence.

    `checkpoint` says what its gradient keeps, `truncation` after how many steps it is
    cut (see `nnarena.nn.unroll`).
    """

    cell: AbstractCell
    hidden_size: int = eqx.field(static=True)
    checkpoint: Checkpoint = eqx.field(static=True)
    truncation: int | None = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(
        self,
        cell: AbstractCell,
        *,
        checkpoint: Checkpoint = "none",
        truncation: int | None = None,
    ):
        self.cell = cell
        self.hidden_size = cell.hidden_size
        self.checkpoint, self.truncation = checkpoint, truncation
        self.causal = True

    def __call__(self, sequence, *, key=None):
        del key  # a recurrent step draws nothing
        return self.unroll(sequence).hs

    @property
    def cells(self):
        return (self.cell,)

    def run(self, *, checkpoint, truncation):
        return Recurrent(self.cell, checkpoint=checkpoint, truncation=truncation)

    def readings(self, sequence):
        return (sequence,)

    def joined(self, hs, sequence):
        del sequence  # one cell reads in the order of time
        return hs[0]

    def unroll(
        self, sequence: Sequence, *, nudges: State | None = None, states: bool = False
    ) -> Unrolled:
        """Returns the outputs of all steps and, if asked for, the states.

        A fold takes them in the form that is fastest here, unless something is to
        happen between two steps.
        """
        undisturbed = nudges is None and self.truncation is None
        if isinstance(self.cell, AbstractFold) and undisturbed:
            return unroll_fold(
                self.cell, sequence, checkpoint=self.checkpoint, states=states
            )
        return unroll(
            self.cell,
            sequence,
            checkpoint=self.checkpoint,
            stop_every=self.truncation,
            nudges=nudges,
            states=states,
        )

    def attention_maps(self, sequence):
        left = self.unroll(sequence, states=True).states
        start = resolve(self.cell).init_state()
        found = jax.tree.map(
            lambda first, after: jnp.concatenate([first[None], after[:-1]]), start, left
        )
        return self.cell.attention_maps(found, sequence.xs, left)


class SequenceModel(AbstractModel):
    """Embedding or projection, layers, readout and linear head.

    Token inputs are looked up in a table, feature vectors go through one linear map;
    both end at the width of the layers. With `embed` of None feature vectors reach the
    first layer as they are, and a token as a 1 among zeros. A task that answers once
    reads the last step or the mean of all steps. With `head` of None the last layer's
    output is the answer. Given a key, as in training, a share `dropout` of what every
    layer puts out is left out.

    A context is read first, then the question, as one sequence (`nnarena.nn.joined`).
    """

    embed: Embedding | None
    context: Context | None
    layers: tuple[AbstractLayer, ...]
    head: eqx.nn.Linear | None
    signature: Signature
    readout: Readout = eqx.field(static=True)
    dropout: float = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(
        self,
        signature: Signature,
        layers: tuple[AbstractLayer, ...],
        *,
        embed: Embedding | None,
        context: Context | None = None,
        head: eqx.nn.Linear | None,
        readout: Readout = "last",
        dropout: float = 0.0,
    ):
        require(BelowOne, dropout=dropout)
        self.embed, self.context = embed, context
        self.layers, self.head = layers, head
        self.signature, self.readout, self.dropout = signature, readout, dropout
        self.causal = all(layer.causal for layer in layers)

    def __call__(
        self,
        sequence: Sequence,
        context: Sequence | None = None,
        *,
        key: Key | None = None,
    ):
        steps, places = self.read(sequence, context)
        return self._answers(self.through(steps, key=key)[-1].hs, steps, places)

    @property
    def recurrences(self):
        if self.signature.generated:
            return ()
        return tuple(
            layer if isinstance(layer, AbstractRecurrence) else None
            for layer in self.layers
        )

    @property
    def headless(self):
        return eqx.tree_at(
            lambda frame: frame.head, self, None, is_leaf=lambda part: part is None
        )

    def embedded(self, xs: Inputs) -> Float[Array, "time width"]:
        """Returns what the first layer reads of a question."""
        return (
            as_vectors(xs, self.signature.inputs)
            if self.embed is None
            else embedded(self.embed, xs)
        )

    def read(
        self, sequence: Sequence, context: Sequence | None = None
    ) -> tuple[Sequence, Int[Array, " steps"] | None]:
        """Returns the steps that the first layer reads, and the question's places.

        None stands for the places where the question is all there is.
        """
        question = sequence.with_xs(self.embedded(sequence.xs))
        return before(self.context, context, question, self.embed)

    def through(
        self,
        steps: Sequence,
        *,
        key: Key | None = None,
        nudges: Nudges = NO_NUDGES,
        states: bool = False,
    ) -> list[Unrolled]:
        """Returns what each layer makes of steps, from the first on.

        Of the nudges those of states and outputs.
        """
        seen: list[Unrolled] = []
        for index, layer in enumerate(self.layers):
            layer_key = None if key is None else jax.random.fold_in(key, index)
            if isinstance(layer, AbstractRecurrence):
                nudge = None if nudges.states is None else nudges.states[index]
                found = layer.unroll(steps, nudges=nudge, states=states)
            else:
                found = Unrolled(layer(steps, key=layer_key))
            hs = nudged(found.hs, None if nudges.hs is None else nudges.hs[index])
            hs = dropped(hs, self.dropout, key=layer_key)
            seen.append(Unrolled(hs, found.states, found.last))
            steps = steps.with_xs(hs)
        return seen

    def hidden(
        self,
        sequence: Sequence,
        context: Sequence | None = None,
        *,
        key: Key | None = None,
    ) -> Float[Array, "time hidden"]:
        """Returns the outputs of the last layer, before readout and head."""
        return self.through(self.read(sequence, context)[0], key=key)[-1].hs

    def trace(self, sequence, *context, nudges=NO_NUDGES, key: Key | None = None):
        steps, places = self.read(sequence, *context)
        steps = steps.with_xs(nudged(steps.xs, nudges.inputs))
        seen = self.through(steps, key=key, nudges=nudges, states=True)
        answers = self._answers(seen[-1].hs, steps, places)
        return traced(answers, steps, seen)

    def attention_maps(self, sequence, *context):
        return self.maps_along(self.read(sequence, *context)[0])

    def maps_along(self, steps: Sequence) -> Maps:
        """Returns where the layers looked, of the vectors that the first one reads."""
        maps: Maps = {}
        for number, layer in enumerate(self.layers, 1):
            found = layer.attention_maps(steps)
            if len(self.layers) > 1:
                found = {f"layer {number}, {name}": found[name] for name in found}
            maps |= found
            steps = steps.with_xs(layer(steps))
        return maps

    def _answers(
        self,
        hs: Float[Array, "time hidden"],
        steps: Sequence,
        places: Int[Array, " steps"] | None,
    ) -> Array:
        """Returns what readout and head make of the last layer's outputs."""
        if self.signature.answers == "every step":
            hs = hs if places is None else hs[places]
            return hs if self.head is None else affine(self.head, hs)
        last = self.readout == "last"
        h = hs[steps.last] if last else mean_over(hs, steps.present)
        return h if self.head is None else self.head(h)


def traced(answers: Array, steps: Sequence, seen: list[Unrolled]) -> Trace:
    """Returns the trace of a frame that read these steps."""
    states = tuple(one.states for one in seen)
    hs = tuple(one.hs for one in seen)
    return Trace(answers, steps.xs, states, hs, steps.dts, steps.present)


def mean_over(
    hs: Float[Array, "time hidden"], present: Bool[Array, " time"] | None
) -> Float[Array, " hidden"]:
    """Returns the mean over the steps that are there."""
    if present is None:
        return jnp.mean(hs, axis=0)
    return jnp.mean(hs, axis=0, where=present[:, None])


def dropped(
    hs: Float[Array, "time hidden"], share: float, *, key: Key | None
) -> Float[Array, "time hidden"]:
    """Returns them with a random share at 0 and the others larger by as much.

    As they are without a key (Srivastava et al. 2014, scaled in training).
    """
    if key is None or share == 0.0:
        return hs
    mask_key = jax.random.fold_in(key, 1)  # the layer may have drawn with the key
    kept = jax.random.bernoulli(mask_key, 1.0 - share, hs.shape)
    return jnp.where(kept, hs / (1.0 - share), 0.0)
