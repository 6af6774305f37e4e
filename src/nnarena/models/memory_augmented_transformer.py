"""Memory Augmented Transformer."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, Finite, held
from ..core.types import Key
from ..nn import initializers, positions
from ..nn.attention import attend, weights_by
from ..nn.attention_map import by_head
from ..nn.parametrization import AbstractParametrization, resolve
from . import MODELS
from .base import AbstractCell


Tokens = Float[Array, "tokens hidden"]


class Affine(eqx.Module):
    """x W + b; W starts Glorot-uniform (one part per gate), b at zero."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, *, gates: int = 1, key: Key):
        self.weight = initializers.glorot(inputs, outputs, gates=gates, key=key)
        self.bias = jnp.zeros(gates * outputs)

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        return x @ self.weight + self.bias


class Positions(AbstractParametrization):
    """The sinusoidal code of the first positions, made once per sequence."""

    tokens: int = eqx.field(static=True)
    width: int = eqx.field(static=True)

    def value(self):
        ts = jnp.arange(self.tokens, dtype=float)
        return positions.sinusoidal(ts, self.width)


class PostNormBlock(eqx.Module):
    """An encoder layer as in Vaswani et al. (2017): each part, then the norm.

    Attention among few tokens, whose heads may be of any width, and a network with
    ReLU. The norm after both may be one and the same.
    """

    project: Affine
    merge: Affine
    widen: Affine
    narrow: Affine
    norm: eqx.nn.LayerNorm
    feed_norm: eqx.nn.LayerNorm | None
    heads: int = eqx.field(static=True)

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        key_size: int,
        expansion: int,
        shared_norm: bool,
        key: Key,
    ):
        keys = jax.random.split(key, 4)
        every, inner = heads * key_size, expansion * width
        self.project = Affine(width, every, gates=3, key=keys[0])
        self.merge = Affine(every, width, key=keys[1])
        self.widen = Affine(width, inner, key=keys[2])
        self.narrow = Affine(inner, width, key=keys[3])
        self.norm = eqx.nn.LayerNorm(width, eps=1e-6)
        self.feed_norm = None if shared_norm else eqx.nn.LayerNorm(width, eps=1e-6)
        self.heads = heads

    def __call__(self, tokens: Tokens) -> Tokens:
        tokens = jax.vmap(self.norm)(tokens + self.attention(tokens))
        norm = self.norm if self.feed_norm is None else self.feed_norm
        inner = jax.nn.relu(jax.vmap(self.widen)(tokens))
        return jax.vmap(norm)(tokens + jax.vmap(self.narrow)(inner))

    def attention(self, tokens: Tokens) -> Tokens:
        """Returns what every token gathers from all, itself included."""
        mixed = attend(*self.projected(tokens), causal=False)
        return jax.vmap(self.merge)(mixed.reshape(len(tokens), -1))

    def weights(self, tokens: Tokens) -> Float[Array, "heads tokens tokens"]:
        """Returns how much every token weighs each, itself included."""
        queries, keys, _ = self.projected(tokens)

        def gathered(units: Float[Array, "tokens heads size"]) -> Array:
            return attend(queries, keys, units, causal=False)

        return weights_by(gathered, keys)

    def projected(self, tokens: Tokens) -> list[Float[Array, "tokens heads size"]]:
        """Returns queries, keys and values."""
        parts = jnp.split(jax.vmap(self.project)(tokens), 3, axis=-1)
        return [part.reshape(len(tokens), self.heads, -1) for part in parts]


@MODELS.register(
    "memory_augmented_transformer", family="memory", source="brantner2021neural"
)
class MemoryAugmentedTransformer(AbstractCell):
    r"""A recurrent cell whose step is an encoder layer over the rows of its memory.

    $$\begin{aligned}
    Z &= [x_t W_x + b_x; \; M_{t-1} W_m + b_m] + P \\
    A &= \mathrm{LN}(Z + \mathrm{Attention}(Z)), \quad
    E = \mathrm{LN}(A + \mathrm{FF}(A)) \\
    [g, D] &= E_{1 \dots n} W_g + b_g \\
    M_t &= \sigma(-g) \odot M_{t-1} + \sigma(g) \odot D, \quad h_t = E_0
    \end{aligned}$$

    The input and the $n$ rows of the memory $M$ are tokens with sinusoidal positions
    $P$, which look at each other once per step; one gate per row then says how much of
    it is replaced. A transformer reads the whole sequence again at every step; this
    one reads `rows` rows, so that it costs the same at any length. A DNC addresses its
    memory from outside, by what its controller asks; here the rows find each other.

    `rows` and `columns` are the memory's size (None: as wide as a token), `hidden` the
    width of a token, `heads` of width `key_size` (None: `hidden`) the attention's,
    `expansion` how much wider the network FF is inside. With `shared_norm` one
    LayerNorm serves both places. `start` fills the memory at first. The thesis is all
    defaults at `hidden=32`. What it suggests but did not try: with `residual` the
    controller emits a change of the row, $M_t = M_{t-1} + \sigma(g) \odot D$; without
    `embed_rows`, at `columns=None`, the rows are tokens as they are.

    Departs from the thesis in nothing known but the answer, which is the frame's to
    read out. The epsilon of its LayerNorm is taken to be that of its transformer,
    1e-6. Weights start Glorot-uniform, those of queries, keys and values each by
    themselves; biases start at zero.
    """

    input_embed: Affine
    memory_embed: Affine | None
    positions: Positions | Tokens
    block: PostNormBlock
    control: Affine
    hidden_size: int = eqx.field(static=True)
    rows: int = eqx.field(static=True)
    columns: int = eqx.field(static=True)
    residual: bool = eqx.field(static=True)
    start: float = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        rows: AtLeastOne = 16,
        columns: AtLeastOne | None = 16,
        heads: AtLeastOne = 2,
        key_size: AtLeastOne | None = None,
        expansion: AtLeastOne = 4,
        shared_norm: bool = True,
        embed_rows: bool = True,
        residual: bool = False,
        start: Finite = 1e-6,
        key: Key,
    ):
        columns = hidden if columns is None else columns
        key_size = hidden if key_size is None else key_size
        if not embed_rows and columns != hidden:
            raise ValueError(
                "rows that are not embedded must be as wide as a token: set columns to "
                f"None, which is {hidden} here, not {columns}"
            )
        keys = jax.random.split(key, 4)
        self.input_embed = Affine(features, hidden, key=keys[0])
        self.memory_embed = Affine(columns, hidden, key=keys[1]) if embed_rows else None
        self.positions = Positions(1 + rows, hidden)
        self.block = PostNormBlock(
            hidden,
            heads=heads,
            key_size=key_size,
            expansion=expansion,
            shared_norm=shared_norm,
            key=keys[2],
        )
        self.control = Affine(hidden, 1 + columns, key=keys[3])
        self.hidden_size = hidden
        self.rows, self.columns = rows, columns
        self.residual, self.start = residual, start

    def init_state(self):
        return jnp.full((self.rows, self.columns), self.start)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        encoded = self.block(self._tokens(state, x))
        control = jax.vmap(self.control)(encoded[1:])
        openness = jax.nn.sigmoid(control[:, :1])
        change = control[:, 1:] if self.residual else control[:, 1:] - state
        return state + openness * change, encoded[0]

    def attention_maps(self, found, xs, left):
        del left  # it looks at the rows before it changes them
        ready = resolve(self)

        def looks(state: Array, x: Array) -> Array:
            """Returns the row of the input's token, of which the output is made."""
            return ready.block.weights(ready._tokens(state, x))[:, 0]

        weights = jax.vmap(looks, out_axes=1)(found, xs)
        return by_head("read", weights, "steps", "input", "slots")

    def _tokens(
        self, state: Float[Array, "rows columns"], x: Float[Array, " features"]
    ) -> Tokens:
        """Returns the input and the rows of the memory as tokens, at their places."""
        ready: Any = self  # once resolved, its positions are a plain array
        embed = self.memory_embed
        rows = state if embed is None else jax.vmap(embed)(state)
        tokens = jnp.concatenate([self.input_embed(x)[None], rows])
        return tokens + ready.positions
