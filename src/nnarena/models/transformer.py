"""The transformer encoder."""

from functools import partial

import equinox as eqx

from ..core.numbers import AtLeastOne, held
from ..core.types import Key
from ..nn.positions import Positions
from ..nn.self_attention import SelfAttention
from . import MODELS
from .encoder import AbstractEncoder, stacked


@MODELS.register("transformer", family="attention", source="vaswani2017attention")
class Transformer(AbstractEncoder):
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
        make_attention = partial(SelfAttention, hidden, heads)
        self.blocks, self.norm, self.enter, self.position = stacked(
            features,
            hidden,
            [make_attention] * blocks,
            expansion=expansion,
            encoding=encoding,
            longest=longest,
            causal=causal,
            key=key,
        )
        self.hidden_size, self.causal = hidden, causal
