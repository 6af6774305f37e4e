"""The frame that most contenders share: embed -> layers -> readout -> head."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Features, Inputs, Key, Signature, Times
from ..nn.scan import scan
from .base import AbstractCell, AbstractLayer, AbstractModel


Readout = Literal["last", "mean"]


class Recurrent(AbstractLayer):
    """A cell run over the sequence."""

    cell: AbstractCell
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True, default=True)

    def __init__(self, cell: AbstractCell):
        self.cell = cell
        self.hidden_size = cell.hidden_size
        self.causal = True

    def __call__(self, xs, dts, *, key=None):
        del key  # a recurrent step draws nothing
        return scan(self.cell, xs, dts)


class SequenceModel(AbstractModel):
    """Embedding or projection, layers, readout and linear head.

    Token inputs are looked up in a table, feature vectors go through one linear map;
    both end at the width of the layers. A task that answers once reads the last step
    or the mean of all steps.
    """

    embed: eqx.nn.Embedding | eqx.nn.Linear
    layers: tuple[AbstractLayer, ...]
    head: eqx.nn.Linear
    signature: Signature
    readout: Readout = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(
        self,
        signature: Signature,
        layers: tuple[AbstractLayer, ...],
        width: int,
        *,
        readout: Readout,
        key: Key,
    ):
        embed_key, head_key = jax.random.split(key)
        if isinstance(signature.inputs, Features):
            self.embed = eqx.nn.Linear(signature.inputs.size, width, key=embed_key)
        else:
            self.embed = eqx.nn.Embedding(signature.inputs.size, width, key=embed_key)
        self.layers = layers
        self.head = eqx.nn.Linear(
            layers[-1].hidden_size, signature.outputs.size, key=head_key
        )
        self.signature = signature
        self.readout = readout
        self.causal = all(layer.causal for layer in layers)

    def __call__(self, xs: Inputs, dts: Times, *, key: Key | None = None):
        hs = self.hidden(xs, dts, key=key)
        if self.signature.answers == "every step":
            return jax.vmap(self.head)(hs)
        return self.head(hs[-1] if self.readout == "last" else jnp.mean(hs, axis=0))

    def hidden(
        self, xs: Inputs, dts: Times, *, key: Key | None = None
    ) -> Float[Array, "time hidden"]:
        """Returns the outputs of the last layer, before readout and head."""
        hs = jax.vmap(self.embed)(xs)
        for index, layer in enumerate(self.layers):
            layer_key = None if key is None else jax.random.fold_in(key, index)
            hs = layer(hs, dts, key=layer_key)
        return hs
