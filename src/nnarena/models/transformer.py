"""The transformer encoder."""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, held
from ..core.types import Key, Times
from ..nn.attention import Present, SelfAttention, glorot_linear
from ..nn.linear import affine
from ..nn.positions import PositionCode, Positions
from . import MODELS
from .base import AbstractLayer


class EncoderBlock(eqx.Module):
    """Pre-norm attention and a feed-forward network, each with a residual.

    `make_attention` takes a key and returns what mixes the steps: a function of the
    sequence and of its times, whose meaning is between it and the caller.
    """

    attention_norm: eqx.nn.LayerNorm
    attention: Any
    feed_norm: eqx.nn.LayerNorm
    widen: eqx.nn.Linear
    narrow: eqx.nn.Linear

    def __init__(
        self,
        width: int,
        expansion: int,
        make_attention: Callable[..., Any],
        *,
        key: Key,
    ):
        attention_key, widen_key, narrow_key = jax.random.split(key, 3)
        self.attention_norm = eqx.nn.LayerNorm(width)
        self.attention = make_attention(key=attention_key)
        self.feed_norm = eqx.nn.LayerNorm(width)
        self.widen = glorot_linear(width, expansion * width, key=widen_key)
        self.narrow = glorot_linear(expansion * width, width, key=narrow_key)

    def __call__(
        self, xs: Float[Array, "time width"], ts: Times, present: Present = None
    ) -> Float[Array, "time width"]:
        xs = xs + self.attention(jax.vmap(self.attention_norm)(xs), ts, present)
        normed = jax.vmap(self.feed_norm)(xs)
        return xs + affine(self.narrow, jax.nn.gelu(affine(self.widen, normed)))


@MODELS.register("transformer", family="attention", source="vaswani2017attention")
class Transformer(AbstractLayer):
    r"""Every step looks at every other, weighted by content and position.

    $$\begin{aligned}
    \mathrm{Attention}(Q, K, V) &= \mathrm{softmax}(Q K^T / \sqrt{d}) V \\
    x &\leftarrow x + \mathrm{Attention}(\mathrm{LN}(x)) \\
    x &\leftarrow x + \mathrm{FF}(\mathrm{LN}(x))
    \end{aligned}$$

    No state is carried: a step 1,000 back is as near as the last one, at a cost that
    grows with the square of the length.

    The encoder only, of `blocks` blocks, reading in both directions unless `causal`.
    `encoding` names what tells steps apart: "sinusoidal", "learned" (of `longest`
    steps at most), "rotary", "time" or "none" (see `PositionCode`). Departs from the
    paper in normalizing before each part (Xiong et al. 2020) and once at the end, in
    GELU for ReLU, and in having no dropout.
    """

    blocks: tuple[EncoderBlock, ...]
    norm: eqx.nn.LayerNorm
    enter: eqx.nn.Linear | None
    position: PositionCode
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        blocks: AtLeastOne = 2,
        heads: AtLeastOne = 2,
        expansion: AtLeastOne = 4,
        encoding: Positions = "sinusoidal",
        longest: AtLeastOne = 1_024,
        causal: bool = False,
        key: Key,
    ):
        enter_key, *block_keys, position_key = jax.random.split(key, 2 + blocks)
        self.position = PositionCode(
            encoding, hidden, longest=longest, key=position_key
        )
        self.enter = (
            None
            if features == hidden
            else glorot_linear(features, hidden, key=enter_key)
        )
        make_attention = partial(
            SelfAttention, hidden, heads, rotary=self.position.rotary, causal=causal
        )
        self.blocks = tuple(
            EncoderBlock(hidden, expansion, make_attention, key=block_key)
            for block_key in block_keys
        )
        self.norm = eqx.nn.LayerNorm(hidden)
        self.hidden_size = hidden
        self.causal = causal

    def __call__(self, sequence, *, key=None):
        del key  # no dropout
        xs, ts = sequence.xs, self.position.places(sequence.dts)
        if self.enter is not None:
            xs = affine(self.enter, xs)
        xs = self.position(xs, ts)
        for block in self.blocks:
            xs = block(xs, ts, sequence.present)
        return jax.vmap(self.norm)(xs)
