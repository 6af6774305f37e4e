"""An encoder whose attention sees blocks: near ones, the ends, and some at random."""

from functools import partial

import equinox as eqx

from ..core.numbers import AtLeastOne, NotNegativeInt, held
from ..core.types import Key
from ..nn.attention import attend
from ..nn.block_attention import draws, sparse
from ..nn.positions import Positions
from ..nn.self_attention import AbstractMixing, SelfAttention
from . import MODELS
from .encoder import AbstractEncoder, stacked


class SparseBlocks(AbstractMixing):
    """softmax over the blocks of keys that a block of queries sees.

    The random ones are given by two numbers, `seeds`: the arena's, not the run's, and
    which block of the encoder it is.
    """

    size: int = eqx.field(static=True)
    near: int = eqx.field(static=True)
    ends: int = eqx.field(static=True)
    random: int = eqx.field(static=True)
    seeds: tuple[int, int] = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(
        self,
        heads: int,
        width: int,
        *,
        size: int,
        near: int,
        ends: int,
        random: int,
        seeds: tuple[int, int],
        causal: bool,
        key: Key,
    ):
        del heads, width, key  # it has no weights
        self.size, self.near, self.ends, self.random = size, near, ends, random
        self.seeds, self.causal = seeds, causal

    def __call__(self, queries, keys, values, present):
        blocks = -(-len(keys) // self.size)
        if self.near >= blocks - 1:
            return attend(queries, keys, values, causal=self.causal, present=present)
        return sparse(
            queries,
            keys,
            values,
            present,
            size=self.size,
            drawn=draws(blocks, self.random, self.seeds),
            near=self.near,
            ends=min(self.ends, blocks),
            causal=self.causal,
        )


@MODELS.register("bigbird", family="attention", source="zaheer2020big")
class BigBird(AbstractEncoder):
    r"""A transformer in which steps see a window, the ends, and some places at random.

    $$y_i = \sum_{j \in S(i)} a_{ij} v_j, \quad
    a_{ij} \propto \exp(q_i \cdot k_j / \sqrt{d}), \quad
    S(i) = \mathrm{near}(i) \cup \mathrm{ends} \cup \mathrm{random}(i)$$

    The sequence is cut into blocks of `block` steps, and a block of queries sees whole
    blocks of keys: itself and `near` on each side, the `ends` first and as many last
    ones, and `random_blocks` of the others. The blocks at the ends see all. Each block
    by itself sees a number that does not grow, so that the cost grows with the length;
    any two steps are joined through the ends in two blocks of the encoder, and the
    random ones shorten the way around those.

    The random blocks differ from one block of the encoder to the next and are always
    the same ones, whatever the seed of a run, as the authors draw them; another
    `pattern_seed` gives others. They are drawn anew for every length. With `causal` a
    step sees no later one, and there are no last blocks that all see. With `near` as
    many as there are blocks it is the attention of `transformer`.

    The other settings are those of `transformer`, and so is the encoder around the
    attention, with as many weights. The paper has blocks of 64 steps, and 3 near, 2 at
    the ends and 3 random; here they are shorter, or whole tasks of the arena would fit
    into the near ones. Its form with extra tokens that see all (ETC) is not built, and
    its causal form is full attention. Departs from it else where `transformer` does.
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
        block: AtLeastOne = 16,
        near: NotNegativeInt = 1,
        ends: NotNegativeInt = 1,
        random_blocks: NotNegativeInt = 3,
        pattern_seed: NotNegativeInt = 0,
        expansion: AtLeastOne = 4,
        encoding: Positions = "sinusoidal",
        longest: AtLeastOne = 1_024,
        causal: bool = False,
        key: Key,
    ):
        def make_mixing(layer: int) -> partial[SparseBlocks]:
            return partial(
                SparseBlocks,
                size=block,
                near=near,
                ends=ends,
                random=random_blocks,
                seeds=(pattern_seed, layer),
            )

        self.blocks, self.norm, self.enter, self.position = stacked(
            features,
            hidden,
            [
                partial(SelfAttention, hidden, heads, make_mixing(layer))
                for layer in range(blocks)
            ],
            expansion=expansion,
            encoding=encoding,
            longest=longest,
            causal=causal,
            key=key,
        )
        self.hidden_size, self.causal = hidden, causal
