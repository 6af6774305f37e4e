"""An encoder whose attention is a sliding window, with a few steps that see all."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..core.numbers import AtLeastOne, NotNegativeInt, held
from ..core.types import Key, Times
from ..nn.attention import (
    Memory,
    Present,
    Projections,
    Queries,
    attend,
    glorot_linear,
    weights_by,
)
from ..nn.linear import affine
from ..nn.positions import Positions
from ..nn.self_attention import head_size, split_heads
from ..nn.window_attention import Part, merged, part_of, windowed
from . import MODELS
from .encoder import AbstractEncoder, stacked


Every = tuple[Memory, Memory, Memory]
"""Queries, keys and values of all steps."""

First = tuple[Queries, Memory, Memory]
"""Queries of the first steps, and keys and values that they see of all."""


class GlobalAttention(eqx.Module):
    """A window for every step, and the first `tokens` steps, which see and are seen.

    The first steps ask, and are answered, by projections of their own, which start as
    the others do. `dilations` has a number per head: it sees every so many-th step.
    """

    project: eqx.nn.Linear
    merge: eqx.nn.Linear
    overall: Projections | None
    window: int = eqx.field(static=True)
    tokens: int = eqx.field(static=True)
    dilations: tuple[int, ...] = eqx.field(static=True)
    rotary: bool = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(
        self,
        width: int,
        *,
        window: int,
        tokens: int,
        dilations: tuple[int, ...],
        rotary: bool,
        causal: bool,
        key: Key,
    ):
        heads = len(dilations)
        size = head_size(width, heads)
        first, second = jax.random.split(key)
        self.project = glorot_linear(width, 3 * heads * size, key=first)
        self.merge = glorot_linear(heads * size, width, key=second)
        self.overall = None
        if tokens:
            own = Projections(width, heads, size, rotary=rotary, key=first)
            weights = jnp.split(self.project.weight, [heads * size])
            self.overall = eqx.tree_at(
                lambda part: (part.query.weight, part.key_value.weight), own, weights
            )
        self.window, self.tokens, self.dilations = window, tokens, dilations
        self.rotary, self.causal = rotary, causal

    def __call__(
        self, xs: Float[Array, "time width"], ts: Times, present: Present = None
    ) -> Float[Array, "time width"]:
        mixed = self._gathered(*self._asked(xs, ts), present)
        return affine(self.merge, mixed.reshape(len(xs), -1))

    def weights(
        self, xs: Float[Array, "time width"], ts: Times, present: Present = None
    ) -> Float[Array, "heads time time"]:
        """Returns how much every step weighs each."""
        (queries, keys, _), first = self._asked(xs, ts)

        def gathered(units: Memory) -> Queries:
            own = None if first is None else (*first[:2], units)
            return self._gathered((queries, keys, units), own, present)

        return weights_by(gathered, keys)

    def _asked(
        self, xs: Float[Array, "time width"], ts: Times
    ) -> tuple[Every, First | None]:
        """Returns queries, keys and values of all steps, and those of the first."""
        heads = len(self.dilations)
        every = split_heads(self.project, xs, ts, heads, rotary=self.rotary)
        if self.overall is None:
            return every, None
        few = min(self.tokens, len(xs))
        return every, self.overall(xs[:few], xs, ts[:few], ts)

    def _gathered(self, every: Every, first: First | None, present: Present) -> Memory:
        """Returns what all steps gather, the first by projections of their own."""
        mixed = self._windowed(*every, present)
        if first is None:
            return mixed
        seeing = attend(*first, causal=self.causal, present=present)
        return jnp.concatenate([seeing, mixed[len(seeing) :]])

    def _windowed(
        self, queries: Queries, keys: Memory, values: Memory, present: Present
    ) -> Queries:
        """Returns what every step gathers from its window and from the first steps."""
        few = min(self.tokens, len(keys))
        seen = present
        if few:  # of these the other part takes care, also within the window
            others = jnp.arange(len(keys)) >= few
            seen = others if present is None else others & present
        found: list[Part] = []
        begin = 0
        for dilation in sorted(set(self.dilations)):
            end = begin + self.dilations.count(dilation)
            near = windowed(
                queries[:, begin:end],
                keys[:, begin:end],
                values[:, begin:end],
                seen,
                window=self.window,
                causal=self.causal,
                dilation=dilation,
            )
            found.append(near)
            begin = end
        near = Part(
            *(jnp.concatenate(both, axis=1) for both in zip(*found, strict=True))
        )
        if few == 0:
            return near.divided()
        scores = jnp.einsum(
            "qhd,khd->hqk", queries * queries.shape[-1] ** -0.5, keys[:few]
        )
        first = part_of(scores, self._first_seen(len(keys), few, present), values[:few])
        return merged([near, first]).divided()

    def _first_seen(
        self, time: int, few: int, present: Present
    ) -> Bool[Array, "1 queries first"]:
        """Returns which of the first steps each step sees."""
        pairs = (1, time, few)
        seen = jnp.tri(time, few, dtype=bool)[None] if self.causal else True
        there = True if present is None else present[None, None, :few]
        return jnp.broadcast_to(jnp.logical_and(seen, there), pairs)


@MODELS.register("longformer", family="attention", source="beltagy2020longformer")
class Longformer(AbstractEncoder):
    r"""A transformer of sliding windows, with a few steps that see all and are seen.

    $$y_i = \sum_{j \in S(i)} a_{ij} v_j, \quad
    a_{ij} \propto \exp(q_i \cdot k_j / \sqrt{d}), \quad
    S(i) = \{j : j \le g \text{ or } |i - j| \in \{0, \delta, \ldots, w \delta\}\}$$

    Every step sees `window` steps $w$ on each side, or before it if `causal`, and the
    first `global_tokens` $g$; these see all, by queries, keys and values of their own,
    that start as the others do: of the weights of a `transformer` these are the only
    ones more. What is read of the first steps is what a class token would hold. The
    cost grows with the length times the window.

    In `dilated_heads` of the heads a window sees every $\delta$-th step: in the last
    block of the encoder, or its only one, $\delta$ is `dilation`, in the first 1, and
    between it rises evenly, as in the paper, where low blocks gather what is near. A
    `dilation` of 1 leaves no gaps, as the paper's encoders have none; its language
    models have some, in 2 heads.

    With a window as long as the sequence it is the attention of `transformer`, at the
    start with any number of such steps. The paper's window is 256 on each side, at
    lengths of thousands. Its global steps are those that a task names; here they are
    the first. The other settings are those of `transformer`, and so is the encoder
    around the attention. Departs from the paper else where `transformer` does.
    """

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
        window: AtLeastOne = 16,
        global_tokens: NotNegativeInt = 1,
        dilation: AtLeastOne = 1,
        dilated_heads: NotNegativeInt = 2,
        expansion: AtLeastOne = 4,
        encoding: Positions = "sinusoidal",
        longest: AtLeastOne = 1_024,
        causal: bool = False,
        key: Key,
    ):
        self.blocks, self.norm, self.enter, self.position = stacked(
            features,
            hidden,
            [
                partial(
                    GlobalAttention,
                    hidden,
                    window=window,
                    tokens=global_tokens,
                    dilations=_dilations(heads, dilated_heads, gap),
                )
                for gap in _rising(dilation, blocks)
            ],
            expansion=expansion,
            encoding=encoding,
            longest=longest,
            causal=causal,
            key=key,
        )
        self.hidden_size, self.causal = hidden, causal


def _rising(dilation: int, blocks: int) -> list[int]:
    """Returns the dilation of each block, from 1 in the first to that of the last."""
    if blocks == 1:
        return [dilation]
    return [1 + (dilation - 1) * place // (blocks - 1) for place in range(blocks)]


def _dilations(heads: int, dilated: int, dilation: int) -> tuple[int, ...]:
    """Returns the dilation of each head, those without first."""
    many = min(dilated, heads)
    return (1,) * (heads - many) + (dilation,) * many
