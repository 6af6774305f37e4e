"""What the contenders with encoder and decoder share: all but their attention."""

import equinox as eqx

from ..nn.encoder_decoder import EncoderDecoder
from .base import NO_NUDGES, Trace, nudged
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
