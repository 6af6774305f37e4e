"""The encoder that a transformer shares with all that mix its steps in other ways."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..core.types import Key, Times
from ..nn.attention import Present, glorot_linear
from ..nn.attention_map import by_head
from ..nn.linear import affine
from ..nn.positions import PositionCode, Positions
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

    def weights(
        self, xs: Float[Array, "time width"], ts: Times, present: Present = None
    ) -> Float[Array, "heads time time"] | None:
        """Returns how much every step weighs each; None if by no shares of 1."""
        return self.attention.weights(jax.vmap(self.attention_norm)(xs), ts, present)


class Stack(NamedTuple):
    """The parts of an encoder."""

    blocks: tuple[EncoderBlock, ...]
    norm: eqx.nn.LayerNorm
    enter: eqx.nn.Linear | None
    position: PositionCode


class AbstractEncoder(AbstractLayer):
    """Blocks of attention and a feed-forward network behind a code of positions.

    Entrants differ in what their blocks mix steps by, which they hand to `stacked`.
    """

    blocks: tuple[EncoderBlock, ...]
    norm: eqx.nn.LayerNorm
    enter: eqx.nn.Linear | None
    position: PositionCode
    hidden_size: eqx.AbstractVar[int]
    causal: eqx.AbstractVar[bool]

    def __call__(self, sequence, *, key=None):
        del key  # no dropout
        ts = self.position.places(sequence.dts)
        xs = self._entered(sequence.xs, ts)
        for block in self.blocks:
            xs = block(xs, ts, sequence.present)
        return jax.vmap(self.norm)(xs)

    def attention_maps(self, sequence):
        maps, ts = {}, self.position.places(sequence.dts)
        xs = self._entered(sequence.xs, ts)
        for number, block in enumerate(self.blocks, 1):
            weights = block.weights(xs, ts, sequence.present)
            maps |= by_head(f"block {number}", weights, "steps", "steps")
            xs = block(xs, ts, sequence.present)
        return maps

    def _entered(
        self, xs: Float[Array, "time features"], ts: Times
    ) -> Float[Array, "time hidden"]:
        """Returns what the first block reads."""
        return self.position(xs if self.enter is None else affine(self.enter, xs), ts)


def stacked(
    features: int,
    hidden: int,
    makers: Sequence[Callable[..., Any]],
    *,
    expansion: int,
    encoding: Positions,
    longest: int,
    causal: bool,
    key: Key,
) -> Stack:
    """Returns the parts of an encoder with random weights.

    Args:
        features: the width of what comes in; mapped to `hidden` if it differs.
        hidden: the width of the encoder.
        makers: what makes the attention of each block, one for a block; each gets
            `rotary`, whether its queries and keys turn, and `causal`.
        expansion: how many times as wide the feed-forward networks are.
        encoding: what tells steps apart.
        longest: how many steps a learned code knows.
        causal: whether a step looks at no later one.
        key: for all weights.
    """
    enter_key, *block_keys, position_key = jax.random.split(key, 2 + len(makers))
    rotary = encoding == "rotary"
    blocks = tuple(
        EncoderBlock(
            hidden,
            expansion,
            partial(make, rotary=rotary, causal=causal),
            key=block_key,
        )
        for make, block_key in zip(makers, block_keys, strict=True)
    )
    enter = None
    if features != hidden:
        enter = glorot_linear(features, hidden, key=enter_key)
    position = PositionCode(encoding, hidden, longest=longest, key=position_key)
    return Stack(blocks, eqx.nn.LayerNorm(hidden), enter, position)
