"""The transformer with encoder and decoder, as in the paper and in the thesis."""

from functools import partial

import equinox as eqx

from ..core.numbers import AtLeastOne, held
from ..core.types import Key, Signature
from ..nn.attention import Attention
from ..nn.encoder_decoder import EncoderDecoder
from ..nn.positions import Positions
from . import MODELS
from .encoder_decoder import AbstractEncoderDecoder


@MODELS.register(
    "encoder_decoder_transformer",
    family="attention",
    source="vaswani2017attention",
)
class EncoderDecoderTransformer(AbstractEncoderDecoder):
    r"""A sequence is read by attention to itself, then asked by start tokens.

    $$\begin{aligned}
    \mathrm{Att}(Q, K, V) &= \mathrm{softmax}(Q K^T / \sqrt{d_k}) V \\
    x &= \sqrt{d}\,\mathrm{embed}(\text{inputs}) + \mathrm{PE}, \quad
    y = \sqrt{d}\,(1 W_s + b_s) + \mathrm{PE} \\
    \text{encoder:}\quad x &\leftarrow \mathrm{LN}(x + \mathrm{Att}(x, x, x)), \quad
    x \leftarrow \mathrm{LN}(x + \mathrm{FF}(x)) \\
    \text{decoder:}\quad y &\leftarrow \mathrm{LN}(y + \mathrm{Att}(y, y, y)), \quad
    y \leftarrow \mathrm{LN}(y + \mathrm{Att}(y, x, x)), \quad
    y \leftarrow \mathrm{LN}(y + \mathrm{FF}(y)) \\
    \mathrm{FF}(x) &= \mathrm{ReLU}(x W_1 + b_1) W_2 + b_2, \quad
    \text{answer} = y W_o + b_o
    \end{aligned}$$

    Where `transformer` reads its answer off the last input step, a token of its own
    asks for it here, and may weigh all steps alike. Residual sums are normalized
    (post-norm), not what goes into a part; the feed-forward network has a ReLU.

    `key_size` is the width of a head, the model's own width if None (rounded up to
    even if `encoding` is "rotary"). `expansion` times the width is the feed-forward
    network's. `encoding` names what tells steps apart: "none", "sinusoidal",
    "learned" (of `longest` steps at most), "rotary" or "time" (`PositionCode`). With
    `causal` neither the encoder nor a start token of a step looks at a later step. The
    defaults are the thesis's, where the width is 16.

    Departs from the paper in heads as wide as the model, in having no dropout, and in
    the decoder, which gets start tokens instead of earlier answers
    (`EncoderDecoder`): one if the task answers once, as in the thesis, one per step
    if it answers at every step. Where answers are generated it gets what it said, as
    in the paper. Affine maps start Glorot-uniform, biases zero.
    """

    body: EncoderDecoder
    causal: bool = eqx.field(static=True)

    @held
    def __init__(
        self,
        signature: Signature,
        hidden: int,
        *,
        heads: AtLeastOne = 2,
        key_size: AtLeastOne | None = None,
        expansion: AtLeastOne = 4,
        encoder_layers: AtLeastOne = 2,
        decoder_layers: AtLeastOne = 2,
        encoding: Positions = "sinusoidal",
        longest: AtLeastOne = 1_024,
        causal: bool = False,
        key: Key,
    ):
        self.body = EncoderDecoder(
            signature,
            hidden,
            attention=partial(Attention, hidden, heads, key_size),
            expansion=expansion,
            encoder_layers=encoder_layers,
            decoder_layers=decoder_layers,
            encoding=encoding,
            longest=longest,
            causal=causal,
            key=key,
        )
        self.causal = causal
