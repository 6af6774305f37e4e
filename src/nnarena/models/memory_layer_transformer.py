"""A transformer encoder whose attention is a memory layer."""

from functools import partial
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, NotNegativeInt, held
from ..core.types import Key, Sequence, Times
from ..nn.attention import Present, glorot_linear
from ..nn.flip_flops import Control, Polarity
from ..nn.linear import affine
from ..nn.positions import PositionCode, Positions
from ..nn.unroll import unroll
from . import MODELS
from .base import AbstractLayer
from .encoder import EncoderBlock
from .memory_layer import MemoryLayer


Over = Literal["pairs", "sequence"]


class Recomputed(eqx.Module):
    """A cell whose substeps are computed again for the gradient, not kept.

    Of every step only the state stays in memory: of as many steps as there are pairs
    of positions, the rest would not fit.
    """

    cell: MemoryLayer

    def init_state(self):
        """Returns the cell's."""
        return self.cell.init_state()

    def __call__(self, state, x, dt):
        return eqx.filter_checkpoint(self.cell)(state, x, dt)


class MemoryAttention(eqx.Module):
    """What stands where attention stood: a memory layer and a map to the width.

    Over "pairs" one run per query reads it beside every value in turn; over the
    "sequence" one run reads all.
    """

    memory: MemoryLayer
    merge: eqx.nn.Linear
    over: Over = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(
        self, width: int, size: int, *, over: Over, causal: bool, key: Key, **numbers
    ):
        memory_key, merge_key = jax.random.split(key)
        features = 2 * width if over == "pairs" else width
        self.memory = MemoryLayer(features, size, key=memory_key, **numbers)
        self.merge = glorot_linear(size, width, key=merge_key)
        self.over, self.causal = over, causal

    def __call__(
        self, xs: Float[Array, "time width"], dts: Times, present: Present = None
    ) -> Float[Array, "time width"]:
        values = Sequence(xs, dts, present)
        if self.over == "sequence":
            read = unroll(self.memory, values).hs
        else:
            read = jax.vmap(self._recall, in_axes=(0, 0, None))(
                jnp.arange(xs.shape[0]), xs, values
            )
        return affine(self.merge, read)

    def _recall(
        self, place: Any, query: Float[Array, " width"], values: Sequence
    ) -> Float[Array, " size"]:
        """Returns what one query is left with after all values, or those up to it."""
        from_query, from_value = jnp.split(self.memory.input_weight, 2)
        # The query is the same at every step: its share of the controls is a bias.
        reader = eqx.tree_at(
            lambda memory: (memory.input_weight, memory.bias),
            self.memory,
            (from_value, self.memory.bias + query @ from_query),
        )
        outputs = unroll(Recomputed(reader), values).hs
        return outputs[place] if self.causal else outputs[values.last]


@MODELS.register(
    "memory_layer_transformer", family="memory", source="brantner2021neural"
)
class MemoryLayerTransformer(AbstractLayer):
    r"""Every step reads all others one by one into flip-flops of its own.

    $$\begin{aligned}
    \mathrm{Memory}(x)_i &= s_{iT} \, M + m, \quad
    s_{ij} = \mathrm{MemoryLayer}(s_{i,j-1}, [x_i; x_j], \Delta t_j) \\
    x &\leftarrow x + \mathrm{Memory}(\mathrm{LN}(x)) \\
    x &\leftarrow x + \mathrm{FF}(\mathrm{LN}(x))
    \end{aligned}$$

    Where a `transformer` weighs all values at once by a softmax, here an array of
    `memory_layer` passes along them with the query at hand, and what its flip-flops
    have kept at the end is the answer: values are not averaged, and their order and
    distance in time count. Query and value go to the controls, which project them:
    there is no other map of queries, keys and values.

    `over`: "pairs" of positions, as above, at a cost of length squared times
    `unfolds`, of which nothing but states is kept for the gradient; or the "sequence",
    one run in which every step is both query and value, causal and much cheaper. With
    `causal`, a query's run is read where it stands instead of at the end. `size` is
    the number of flip-flops of a block, the width by default; `blocks`, `expansion` and
    `encoding` and `longest` are those of `transformer` (but "rotary" turns queries and
    keys, of which there are none); `adjacency`, `fan_in`, `wiring_seed`,
    `self_synapse`, `control` and `unfolds` those of `memory_layer`.

    The thesis planned it and gave it up; what followed it there lets unitary networks
    read the pairs. The proposal asks for a memory layer in the place of attention "in a
    suitable way": the pairs are those of the early code, the single run is the plainest
    reading. Norms before each part, GELU, no decoder and no dropout, as in
    `transformer`; one array instead of heads. Weights start as in these two.
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
        blocks: AtLeastOne = 1,
        expansion: AtLeastOne = 4,
        size: AtLeastOne | None = None,
        over: Over = "pairs",
        encoding: Positions = "sinusoidal",
        longest: AtLeastOne = 1_024,
        causal: bool = False,
        adjacency: str = "dense",
        fan_in: AtLeastOne = 4,
        wiring_seed: NotNegativeInt = 22222,
        self_synapse: Polarity = "excitatory",
        control: Control = "synapse",
        unfolds: AtLeastOne = 1,
        key: Key,
    ):
        if encoding == "rotary":
            raise ValueError("encoding 'rotary' turns queries and keys: there are none")
        enter_key, *block_keys, position_key = jax.random.split(key, 2 + blocks)
        self.position = PositionCode(
            encoding, hidden, longest=longest, key=position_key
        )
        make_attention = partial(
            MemoryAttention,
            hidden,
            hidden if size is None else size,
            over=over,
            causal=causal,
            adjacency=adjacency,
            fan_in=fan_in,
            wiring_seed=wiring_seed,
            self_synapse=self_synapse,
            control=control,
            unfolds=unfolds,
        )
        self.enter = (
            None
            if features == hidden
            else glorot_linear(features, hidden, key=enter_key)
        )
        self.blocks = tuple(
            EncoderBlock(hidden, expansion, make_attention, key=block_key)
            for block_key in block_keys
        )
        self.norm = eqx.nn.LayerNorm(hidden)
        self.hidden_size = hidden
        self.causal = causal or over == "sequence"

    def __call__(self, sequence, *, key=None):
        del key  # no dropout
        xs, dts = sequence.xs, sequence.dts
        if self.enter is not None:
            xs = affine(self.enter, xs)
        xs = self.position(xs, self.position.places(dts))
        for block in self.blocks:
            xs = block(xs, dts, sequence.present)
        return jax.vmap(self.norm)(xs)
