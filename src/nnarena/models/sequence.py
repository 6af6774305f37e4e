"""The frame that most contenders share: embed -> layers -> readout -> head."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..core.numbers import BelowOne, require
from ..core.types import Inputs, Key, Sequence, Signature, State, Tokens
from ..nn import initializers
from ..nn.fold import unroll_fold
from ..nn.linear import affine, embedded
from ..nn.unroll import Checkpoint, Unrolled, unroll
from .base import (
    NO_NUDGES,
    AbstractCell,
    AbstractFold,
    AbstractLayer,
    AbstractModel,
    Nudges,
    Trace,
    nudged,
)


Readout = Literal["last", "mean"]
Embed = Literal["linear", "none"]
Head = Literal["linear", "glorot", "none"]


class Recurrent(AbstractLayer):
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


class SequenceModel(AbstractModel):
    """Embedding or projection, layers, readout and linear head.

    Token inputs are looked up in a table, feature vectors go through one linear map;
    both end at the width of the layers. With `embed` of None feature vectors reach the
    first layer as they are. A task that answers once reads the last step or the mean
    of all steps. With `head` of None the last layer's output is the answer. Given a
    key, as in training, a share `dropout` of what every layer puts out is left out.
    """

    embed: eqx.nn.Embedding | eqx.nn.Linear | None
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
        embed: eqx.nn.Embedding | eqx.nn.Linear | None,
        head: eqx.nn.Linear | None,
        readout: Readout = "last",
        dropout: float = 0.0,
    ):
        require(BelowOne, dropout=dropout)
        self.embed, self.layers, self.head = embed, layers, head
        self.signature, self.readout, self.dropout = signature, readout, dropout
        self.causal = all(layer.causal for layer in layers)

    def __call__(self, sequence: Sequence, *, key: Key | None = None):
        return self._answers(self.hidden(sequence, key=key), sequence)

    def embedded(self, xs: Inputs) -> Float[Array, "time width"]:
        """Returns what the first layer reads."""
        return xs if self.embed is None else embedded(self.embed, xs)

    def hidden(
        self, sequence: Sequence, *, key: Key | None = None
    ) -> Float[Array, "time hidden"]:
        """Returns the outputs of the last layer, before readout and head."""
        hs = self.embedded(sequence.xs)
        for index, layer in enumerate(self.layers):
            layer_key = None if key is None else jax.random.fold_in(key, index)
            hs = layer(sequence.with_xs(hs), key=layer_key)
            hs = dropped(hs, self.dropout, key=layer_key)
        return hs

    def trace(self, sequence: Sequence, *, nudges: Nudges = NO_NUDGES) -> Trace:
        hs = inputs = nudged(self.embedded(sequence.xs), nudges.inputs)
        added = nudges.states or (None,) * len(self.layers)
        seen: list[Unrolled] = []
        for layer, nudge in zip(self.layers, added, strict=True):
            steps = sequence.with_xs(hs)
            if isinstance(layer, Recurrent):
                seen.append(layer.unroll(steps, nudges=nudge, states=True))
            else:
                seen.append(Unrolled(layer(steps)))
            hs = seen[-1].hs
        states = tuple(one.states for one in seen)
        answers = self._answers(hs, sequence)
        return Trace(answers, inputs, states, tuple(one.hs for one in seen))

    def _answers(self, hs: Float[Array, "time hidden"], sequence: Sequence) -> Array:
        """Returns what readout and head make of the last layer's outputs."""
        if self.signature.answers == "every step":
            return hs if self.head is None else affine(self.head, hs)
        last = self.readout == "last"
        h = hs[sequence.last] if last else mean_over(hs, sequence.present)
        return h if self.head is None else self.head(h)


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


def make_embed(
    kind: Embed, signature: Signature, width: int, *, key: Key
) -> eqx.nn.Embedding | eqx.nn.Linear | None:
    """Returns what brings the inputs to `width` numbers, or None to leave them raw.

    Raises:
        ValueError: there is no such embedding, or tokens were to go in raw.
    """
    require(Embed, embed=kind)
    inputs = signature.inputs
    if isinstance(inputs, Tokens):
        if kind == "none":
            raise ValueError("embed 'none' needs inputs that are numbers, not tokens")
        return eqx.nn.Embedding(inputs.size, width, key=key)
    return eqx.nn.Linear(inputs.size, width, key=key) if kind == "linear" else None


def make_head(
    kind: Head, signature: Signature, hidden: int, *, key: Key
) -> eqx.nn.Linear | None:
    """Returns what brings the last layer's `hidden` numbers to the answers, or None.

    A "linear" head starts uniform within one over the root of `hidden`, as in Equinox
    and PyTorch; a "glorot" one Glorot-uniform without bias, as in Keras, at 64 numbers
    and 10 answers 2.3 times as wide.

    Raises:
        ValueError: there is no such head, or the layer's numbers are no answer.
    """
    require(Head, head=kind)
    outputs = signature.outputs.size
    if kind in ("linear", "glorot"):
        head = eqx.nn.Linear(hidden, outputs, key=key)
        return head if kind == "linear" else _keras(head, key=key)
    if hidden != outputs:
        raise ValueError(
            f"head 'none' needs a layer of as many outputs as the task: it has "
            f"{hidden}, the task {outputs}"
        )
    return None


def _keras(head: eqx.nn.Linear, *, key: Key) -> eqx.nn.Linear:
    """Returns the map as Keras's `Dense` would start it."""
    assert head.bias is not None
    weight = initializers.glorot(head.weight.shape[1], head.weight.shape[0], key=key).T
    return eqx.tree_at(
        lambda head: (head.weight, head.bias), head, (weight, jnp.zeros_like(head.bias))
    )
