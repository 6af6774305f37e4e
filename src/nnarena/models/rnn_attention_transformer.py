"""The transformer whose attention is a unitary recurrent network."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AtLeastOne, held
from ..core.types import Key, Signature
from ..nn.attention import AbstractAttention, glorot_linear
from ..nn.encoder_decoder import EncoderDecoder
from ..nn.linear import affine
from ..nn.positions import Positions
from ..nn.recurrent_attention import last_place, read, sooner
from . import MODELS
from .encoder_decoder import AbstractEncoderDecoder
from .unitary_rnn import UnitaryRNN


class RecurrentAttention(AbstractAttention):
    """A unitary network per head reads every memory beside the query.

    With `stops` a causal one stops at the query's place; else there is no mask, as in
    the thesis.
    """

    cells: tuple[UnitaryRNN, ...]
    merge: eqx.nn.Linear
    stops: bool = eqx.field(static=True)

    def __init__(
        self,
        width: int,
        heads: int,
        capacity: int,
        *,
        stops: bool = False,
        rotary: bool,
        causal: bool,
        key: Key,
    ):
        if rotary:
            raise ValueError(
                "a rotary encoding turns queries and keys, and here are no keys; "
                "choose another encoding"
            )
        merge_key, *cell_keys = jax.random.split(key, 1 + heads)
        self.cells = tuple(
            UnitaryRNN(2 * width, width, capacity=min(capacity, width), key=cell_key)
            for cell_key in cell_keys
        )
        self.merge = glorot_linear(heads * width, width, key=merge_key)
        self.stops = stops and causal

    def __call__(self, queries, memory, query_ts, memory_ts, present=None):
        del query_ts, memory_ts  # what a place is worth stands in the vectors
        end = last_place(present)

        def head(cell):
            def one(query, place):
                def beside(kept):
                    return jnp.concatenate([query, kept])

                upto = sooner(place if self.stops else None, end)
                return read(cell, (memory,), beside, upto=upto)

            return jax.vmap(one)(queries, jnp.arange(len(queries)))

        parts = [head(cell) for cell in self.cells]
        return affine(self.merge, jnp.concatenate(parts, axis=-1))


@MODELS.register(
    "rnn_attention_transformer", family="attention", source="brantner2021neural"
)
class RNNAttentionTransformer(AbstractEncoderDecoder):
    r"""A transformer that attends by reading: a unitary network in place of softmax.

    $$\begin{aligned}
    h_{ij} &= \mathrm{EUNN}([q_i; v_j],\, h_{i,j-1}) \in \mathbb{C}^d, \quad
    h_{i0} = 0 \\
    \mathrm{Att}(Q, V)_i &= \mathrm{Re}(h_{i,n}) W + b
    \end{aligned}$$

    All else is `encoder_decoder_transformer`. For every query $q_i$ the cell of
    `unitary_rnn`, of as many complex units as the model is wide, reads the vectors
    $v_j$ of the memory in order, the query beside each. There are no projections, no
    keys and no weights that sum to 1; order is seen even without a position code.
    `rnn_augmented_transformer` keeps the softmax and replaces the sum alone. Every
    query is a run of its own, n runs of n steps, which advance together.

    No mask either, as in the thesis: the decoder's start tokens see each other in both
    directions. With `causal` every reader stops at its query's own place instead, so
    that no answer depends on a later step, nor on how many there are. So do those of
    the decoder's own answers where these are generated.

    `heads` networks are read out together; `capacity` is the number of layers of
    rotations in each, at most as many as units. `expansion`, `encoder_layers`,
    `decoder_layers`, `encoding` (but for "rotary") and `longest` are those of
    `encoder_decoder_transformer`. The defaults are the thesis's ("Recurrent Network
    Attention Transformer"), where the width is 8. Affine maps start Glorot-uniform,
    the unitary network as `unitary_rnn` does; its matrix is formed once per sequence.
    """

    body: EncoderDecoder
    causal: bool = eqx.field(static=True)

    @held
    def __init__(
        self,
        signature: Signature,
        hidden: int,
        *,
        heads: AtLeastOne = 1,
        capacity: AtLeastOne = 4,
        expansion: AtLeastOne = 4,
        encoder_layers: AtLeastOne = 1,
        decoder_layers: AtLeastOne = 1,
        encoding: Positions = "sinusoidal",
        longest: AtLeastOne = 1_024,
        causal: bool = False,
        key: Key,
    ):
        stops = causal or signature.generated is not None
        self.body = EncoderDecoder(
            signature,
            hidden,
            attention=partial(RecurrentAttention, hidden, heads, capacity, stops=stops),
            expansion=expansion,
            encoder_layers=encoder_layers,
            decoder_layers=decoder_layers,
            encoding=encoding,
            longest=longest,
            causal=causal,
            key=key,
        )
        self.causal = causal
