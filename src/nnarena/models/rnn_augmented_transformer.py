"""The transformer whose attention sums by an LSTM."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, held
from ..core.types import Key, Signature
from ..nn.attention import (
    AbstractAttention,
    Memory,
    Present,
    Projections,
    Queries,
    glorot_linear,
    similarities,
)
from ..nn.encoder_decoder import EncoderDecoder
from ..nn.initializers import Start
from ..nn.linear import affine
from ..nn.positions import Positions
from ..nn.recurrent_attention import last_place, read, sooner
from . import MODELS
from .encoder_decoder import AbstractEncoderDecoder
from .lstm import LSTM


KEPT = 1 << 21
"""Gates of one sequence up to which a gradient finds those of all its steps again, at
about 8 bytes each; it computes them from the states where there are more."""


class Projected(eqx.Module):
    """Stands where a cell's input matrix stood: its inputs have been through it."""

    def __rmatmul__(self, x: Float[Array, " numbers"]) -> Float[Array, " numbers"]:
        return x


class AugmentedAttention(AbstractAttention):
    """Attention whose weighted values are read by an LSTM instead of summed.

    With `stops` the LSTM of a causal one stops at the query's place; else it goes on
    through places of weight 0, as in the thesis.
    """

    project: Projections
    cells: tuple[LSTM, ...]
    merge: eqx.nn.Linear
    causal: bool = eqx.field(static=True)
    stops: bool = eqx.field(static=True)

    def __init__(
        self,
        width: int,
        heads: int,
        size: int | None = None,
        *,
        start: Start = "gates",
        stops: bool = False,
        rotary: bool,
        causal: bool,
        key: Key,
    ):
        project_key, merge_key, cells_key = jax.random.split(key, 3)
        self.project = Projections(width, heads, size, rotary=rotary, key=project_key)
        size = self.project.size
        cell_keys = jax.random.split(cells_key, heads)
        self.cells = tuple(
            LSTM(size, size, start=start, key=cell_key) for cell_key in cell_keys
        )
        self.merge = glorot_linear(heads * size, width, key=merge_key)
        self.causal, self.stops = causal, stops and causal

    def __call__(self, queries, memory, query_ts, memory_ts, present=None):
        asked, keys, values = self.project(queries, memory, query_ts, memory_ts)
        weights = self._weights(asked, keys, present)
        end = last_place(present)

        def head(index, cell):
            # (a v) W = a (v W): the matrix is met once per value, not per pair. What
            # is left is an outer product, whose gradient is a product too.
            projected = values[:, index] @ cell.input_weight
            fed = eqx.tree_at(lambda cell: cell.input_weight, cell, Projected())
            kept = len(queries) * len(memory) * projected.shape[1]
            checkpoint = "none" if kept <= KEPT else "step"

            def one(weights, place):
                places = weights[:, None], projected[:, None]
                upto = sooner(place if self.stops else None, end)
                return read(fed, places, jnp.dot, upto=upto, checkpoint=checkpoint)

            return jax.vmap(one)(weights[index], jnp.arange(len(queries)))

        parts = [head(index, cell) for index, cell in enumerate(self.cells)]
        return affine(self.merge, jnp.concatenate(parts, axis=-1))

    def weights(self, queries, memory, query_ts, memory_ts, present=None):
        asked, keys, _ = self.project(queries, memory, query_ts, memory_ts)
        return self._weights(asked, keys, present)

    def _weights(
        self, queries: Queries, keys: Memory, present: Present
    ) -> Float[Array, "heads queries memory"]:
        scores = similarities(queries, keys, causal=self.causal, present=present)
        return jax.nn.softmax(scores, axis=-1)


@MODELS.register(
    "rnn_augmented_transformer", family="attention", source="brantner2021neural"
)
class RNNAugmentedTransformer(AbstractEncoderDecoder):
    r"""A transformer whose sums over values are taken by an LSTM, in order.

    $$\begin{aligned}
    \alpha_{ij} &= \mathrm{softmax}_j(q_i k_j / \sqrt{d_k}), \quad
    z_{ij} = \alpha_{ij} v_j \\
    h_{ij} &= \mathrm{LSTM}(z_{ij}, h_{i,j-1}), \quad
    \mathrm{Att}(Q, K, V)_i = h_{i,n} W + b
    \end{aligned}$$

    All else is `encoder_decoder_transformer`. Where plain attention adds up
    $\sum_j z_{ij}$, here an LSTM per head, the same for all queries, reads the terms
    one by one and the last state is kept: order is seen even without a position code.
    Every query is a run of its own over the whole memory, n runs of n steps; they
    advance together, one product of matrices per step.

    A mask (of the decoder's attention to itself) hides by the softmax alone: a later
    place has $z_{ij} = 0$, but the LSTM still takes that step, so that an answer knows
    of later places only how many there are. A task that answers once has one start
    token, and nothing to hide. With `causal` all attention is masked, and the LSTM
    stops at its query's own place, as it does where answers are generated.

    `heads`, `key_size`, `expansion`, `encoder_layers`, `decoder_layers`, `encoding`
    and `longest` are those of `encoder_decoder_transformer`; the LSTM is as wide as a
    head, and starts as `lstm` does, `start` being its. The other defaults are the
    thesis's ("Recurrent Network Augmented Transformer"), where the width is 8. Affine
    maps start Glorot-uniform.
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
        key_size: AtLeastOne | None = None,
        expansion: AtLeastOne = 4,
        encoder_layers: AtLeastOne = 1,
        decoder_layers: AtLeastOne = 1,
        encoding: Positions = "sinusoidal",
        longest: AtLeastOne = 1_024,
        start: Start = "gates",
        causal: bool = False,
        key: Key,
    ):
        stops = causal or signature.generated is not None
        self.body = EncoderDecoder(
            signature,
            hidden,
            attention=partial(
                AugmentedAttention, hidden, heads, key_size, start=start, stops=stops
            ),
            expansion=expansion,
            encoder_layers=encoder_layers,
            decoder_layers=decoder_layers,
            encoding=encoding,
            longest=longest,
            causal=causal,
            key=key,
        )
        self.causal = causal
