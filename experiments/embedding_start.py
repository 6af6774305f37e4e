"""The thesis's transformer with an embedding that starts small: a plugin."""

import equinox as eqx

from nnarena.core.types import Key, Signature
from nnarena.models import MODELS
from nnarena.models.encoder_decoder_transformer import EncoderDecoderTransformer


@MODELS.register(
    "small_start_transformer", family="attention", source="vaswani2017attention"
)
class SmallStartTransformer(EncoderDecoderTransformer):
    """`encoder_decoder_transformer`, its embedding's weights `start` times as large.

    The embedding is multiplied by the root of the width as before: at width 16, a
    start of 0.25 is what the same map without that factor would start as.
    """

    def __init__(
        self, signature: Signature, hidden: int, *, start: float = 0.25, key: Key
    ):
        super().__init__(signature, hidden, key=key)
        embed = self.body.embed
        self.body = eqx.tree_at(
            lambda body: body.embed.weight, self.body, start * embed.weight
        )
