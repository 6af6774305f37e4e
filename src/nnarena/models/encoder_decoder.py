"""What the contenders with encoder and decoder share: all but their attention."""

import equinox as eqx
import jax.numpy as jnp

from ..core.types import Sequence
from ..nn.attention_map import Axis, Maps, by_head
from ..nn.decoding import fed
from ..nn.encoder_decoder import EncoderDecoder
from ..nn.trace import NO_NUDGES, Trace, nudged
from .decoder import AbstractParallelDecoder


class AbstractEncoderDecoder(AbstractParallelDecoder):
    """Answers once, at every step or by generating, whichever the task asks for."""

    body: eqx.AbstractVar[EncoderDecoder]

    @property
    def signature(self):
        return self.body.signature

    def __call__(self, sequence, *context, key=None):
        if self.signature.generated:
            return self.free(*self.encode(sequence, *context, key=key))
        return self.body(sequence, *context)

    def remember(self, sequence, context=None, *, key=None):
        del key  # no dropout
        return self.body.remember(self.body.read(sequence, context)[0])

    def parallel(self, memory, tokens):
        return self.body.say(tokens, *memory)

    def trace(self, sequence, *context, nudges=NO_NUDGES):
        steps, places = self.body.read(sequence, *context)
        steps = steps.with_xs(nudged(steps.xs, nudges.inputs))
        if self.signature.generated:
            memory = self.body.remember(steps)
            return Trace(self.free(memory, self.nothing_said), steps.xs)
        return Trace(self.body.answer(steps, places), steps.xs)

    def attention_maps(self, sequence, *context):
        steps, _ = self.body.read(sequence, *context)
        return self._encoder_maps(steps) | self._decoder_maps(steps)

    def _encoder_maps(self, steps: Sequence) -> Maps:
        body, present, maps = self.body, steps.present, {}
        ts = body.position.places(steps.dts)
        hs = body.scaled(steps.xs, ts)
        for number, layer in enumerate(body.encoder, 1):
            weights = layer.attention.weights(hs, hs, ts, ts, present)
            maps |= by_head(f"encoder {number}", weights, "steps", "steps")
            hs = layer(hs, ts, present)
        return maps

    def _decoder_maps(self, steps: Sequence) -> Maps:
        """Returns where each layer looked: at what was encoded, and at what asks.

        A single start token has none but itself to look at, which is not shown.
        """
        body, generated, maps = self.body, self.signature.generated, {}
        memory = encoded, ts, present = body.remember(steps)
        rows: Axis = "answers"
        own: Axis = "said"
        asking, places = None, jnp.zeros_like(ts[:1])
        ys = body.started(places)
        if generated:
            said = jnp.argmax(self.free(memory, self.nothing_said), axis=1)
            ys, places = body.spoken(fed(generated, said), ts)
        elif self.signature.answers == "every step":
            rows, own, asking, places = "steps", "steps", present, ts
            ys = body.started(places)
        for number, layer in enumerate(body.decoder, 1):
            if len(ys) > 1:
                weights = layer.attention.weights(ys, ys, places, places, asking)
                maps |= by_head(f"decoder {number}, itself", weights, rows, own)
            asked = layer.asked(ys, places, asking)
            weights = layer.cross.weights(asked, encoded, places, ts, present)
            maps |= by_head(f"decoder {number}, encoded", weights, rows, "steps")
            ys = layer(ys, places, encoded, ts, present, asking)
        return maps
