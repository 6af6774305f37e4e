"""The gated transformer-XL: residuals are gates, and former segments are kept."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core.numbers import AtLeastOne, Finite, NotNegativeInt, held
from ..core.types import Key
from ..nn.attention import glorot_linear
from ..nn.attention_map import by_head
from ..nn.linear import affine
from ..nn.relative_attention import RelativeAttention
from ..nn.residual_gates import GateName, ResidualGate
from . import MODELS
from .base import AbstractLayer


class GatedBlock(eqx.Module):
    """Attention and a feed-forward network, each with a gate for its residual."""

    attention_norm: eqx.nn.LayerNorm
    attention: RelativeAttention
    attention_gate: ResidualGate
    feed_norm: eqx.nn.LayerNorm
    widen: eqx.nn.Linear
    narrow: eqx.nn.Linear
    feed_gate: ResidualGate

    def __init__(
        self,
        width: int,
        heads: int,
        expansion: int,
        gate: GateName,
        gate_bias: float,
        *,
        key: Key,
    ):
        keys = jax.random.split(key, 5)
        self.attention_norm = eqx.nn.LayerNorm(width)
        self.attention = RelativeAttention(width, heads, key=keys[0])
        self.attention_gate = ResidualGate(gate, width, bias=gate_bias, key=keys[1])
        self.feed_norm = eqx.nn.LayerNorm(width)
        self.widen = glorot_linear(width, expansion * width, key=keys[2])
        self.narrow = glorot_linear(expansion * width, width, key=keys[3])
        self.feed_gate = ResidualGate(gate, width, bias=gate_bias, key=keys[4])

    def __call__(
        self,
        xs: Float[Array, "steps width"],
        memory: Float[Array, "kept width"],
        exists: Bool[Array, " kept"],
    ) -> Float[Array, "steps width"]:
        attended = jax.nn.relu(self.attention(self._seen(xs, memory), exists))
        ys = self.attention_gate(xs, attended)
        widened = affine(self.widen, jax.vmap(self.feed_norm)(ys))
        fed = affine(self.narrow, jax.nn.relu(widened))
        return self.feed_gate(ys, jax.nn.relu(fed))

    def weights(
        self,
        xs: Float[Array, "steps width"],
        memory: Float[Array, "kept width"],
        exists: Bool[Array, " kept"],
    ) -> Float[Array, "heads steps kept+steps"]:
        """Returns how much each step weighs what was kept, and the steps."""
        return self.attention.weights(self._seen(xs, memory), exists)

    def _seen(
        self, xs: Float[Array, "steps width"], memory: Float[Array, "kept width"]
    ) -> Float[Array, "kept+steps width"]:
        return jax.vmap(self.attention_norm)(jnp.concatenate([memory, xs]))


@MODELS.register("gtrxl", family="attention", source="parisotto2020stabilizing")
class GTrXL(AbstractLayer):
    r"""A transformer over segments whose residuals are gates that begin closed.

    $$\begin{aligned}
    Y &= g\big(E, \mathrm{relu}(\mathrm{Att}(\mathrm{LN}([\mathrm{sg}(M), E])))\big),
    \quad E' = g\big(Y, \mathrm{relu}(\mathrm{MLP}(\mathrm{LN}(Y)))\big) \\
    g(x, y) &= (1 - z) \odot x + z \odot \tanh(y V_3 + (r \odot x) U) \\
    r &= \sigma(x W_1 + y V_1), \quad z = \sigma(x W_2 + y V_2 - b)
    \end{aligned}$$

    Where `transformer` adds what a part makes, a gate decides how much of it is let
    in. With $b$ = `gate_bias` at the start, 2, that is about 0.12: the layer starts
    near the identity, so that a step is answered by itself first, and the past opens
    in training. Attention is by content and distance (`nnarena.nn.relative_attention`),
    and never looks ahead.

    The sequence is cut into segments of `segment` steps. One of them sees itself and
    $M$, what the layer below made of the `memory` steps before, through which no
    gradient flows (sg): every block reaches at least `memory` steps further back, and
    what lies before a segment is used, but no weight is taught to keep it. A sequence
    that is no longer than a segment is seen whole. All segments of a layer are computed
    at once, since each needs of the others but the layer below.

    `gate` is another one of the paper's ("input", "output", "highway", "sigtanh"), or
    the plain "sum" of its TrXL-I (`nnarena.nn.residual_gates`). `blocks`, `heads` and
    `expansion` are those of `transformer`. The paper has 12 blocks and keeps 512
    steps. Affine maps start Glorot-uniform. The inputs, if not as wide as the layer,
    go through one more; no norm is put at the end.
    """

    enter: eqx.nn.Linear | None
    blocks: tuple[GatedBlock, ...]
    hidden_size: int = eqx.field(static=True)
    segment: int = eqx.field(static=True)
    memory: int = eqx.field(static=True)
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
        segment: AtLeastOne = 64,
        memory: NotNegativeInt = 64,
        gate: GateName = "gru",
        gate_bias: Finite = 2.0,
        key: Key,
    ):
        enter_key, *block_keys = jax.random.split(key, 1 + blocks)
        self.enter = (
            None
            if features == hidden
            else glorot_linear(features, hidden, key=enter_key)
        )
        self.blocks = tuple(
            GatedBlock(hidden, heads, expansion, gate, gate_bias, key=block_key)
            for block_key in block_keys
        )
        self.hidden_size = hidden
        self.segment, self.memory = segment, memory
        self.causal = True

    def __call__(self, sequence, *, key=None):
        del key  # no dropout
        segments = self._segments(sequence.xs)
        for block in self.blocks:
            segments = jax.vmap(block)(segments, *self._past(segments))
        return segments.reshape(-1, self.hidden_size)[: sequence.length]

    def attention_maps(self, sequence):
        maps, segments = {}, self._segments(sequence.xs)
        for number, block in enumerate(self.blocks, 1):
            past = self._past(segments)
            weights = in_time(jax.vmap(block.weights)(segments, *past), sequence.length)
            maps |= by_head(f"block {number}", weights, "steps", "steps")
            segments = jax.vmap(block)(segments, *past)
        return maps

    def _segments(
        self, xs: Float[Array, "time features"]
    ) -> Float[Array, "segments steps hidden"]:
        """Returns what the first block reads, padded to whole segments.

        Padding comes last, where no step that is there looks.
        """
        xs = xs if self.enter is None else affine(self.enter, xs)
        steps = min(self.segment, len(xs))
        rest = -len(xs) % steps
        return jnp.pad(xs, ((0, rest), (0, 0))).reshape(-1, steps, xs.shape[1])

    def _past(
        self, segments: Float[Array, "segments steps width"]
    ) -> tuple[Float[Array, "segments kept width"], Bool[Array, "segments kept"]]:
        """Returns what each segment keeps of those before it, and which of it is."""
        several, steps, width = segments.shape
        kept = min(self.memory, (several - 1) * steps)
        places = steps * jnp.arange(several)[:, None] + jnp.arange(-kept, 0)[None]
        whole = jax.lax.stop_gradient(segments.reshape(-1, width))
        return whole[jnp.maximum(places, 0)], places >= 0


def in_time(
    weights: Float[Array, "segments heads steps seen"], time: int
) -> Float[Array, "heads time time"]:
    """Returns the weights of segments where their steps stand, 0 where none looks."""
    several, heads, steps, seen = weights.shape
    kept = seen - steps

    def placed(own: Float[Array, "heads steps seen"], segment: Int[Array, ""]) -> Array:
        blank = jnp.zeros((heads, steps, kept + several * steps))
        return jax.lax.dynamic_update_slice_in_dim(blank, own, segment * steps, axis=2)

    whole = jax.vmap(placed, out_axes=1)(weights, jnp.arange(several))
    return whole.reshape(heads, several * steps, -1)[:, :time, kept : kept + time]
