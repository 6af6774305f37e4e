"""Sequence to sequence by two LSTMs, the source read from its end."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AboveZero, AtLeastOne, BelowOne, held
from ..core.types import Key, Signature
from ..nn import initializers
from ..nn.joined import Context, Embedding
from . import MODELS
from .lstm_stack import LSTMStack
from .recurrent_decoder import (
    AbstractRecurrentDecoder,
    Memory,
    Said,
    ends,
    reads_backwards,
)


@MODELS.register("seq2seq", family="gated", source="sutskever2014sequence")
class Seq2Seq(AbstractRecurrentDecoder):
    r"""An LSTM reads the question, another goes on from its state and answers.

    $$\begin{aligned}
    h_j &= \mathrm{LSTM}_e(h_{j+1}, x_j), \quad j = n, \dots, 1 \\
    s_0 &= h_1, \quad s_i = \mathrm{LSTM}_d(s_{i-1}, E y_{i-1}), \quad
    \text{answer}_i = s_i W_o + b_o
    \end{aligned}$$

    All that is known of the question passes through one state of fixed size: what
    `bahdanau` and `lstm_attention` look back for, it has to hold. It reads the
    question `backwards` as the paper found best: the first words of an answer are
    often those of the first words of the source, which are then the last that were
    read. The mean distance stays as it is. Read forwards it is `lstm` where that
    generates its answers. `depth` cells stand on top of each other in both halves.

    Asked once, the second half takes one step, fed a start. Asked at every step, it is
    fed the step's $h_j$. With `causal` it starts blank there, and the question is read
    forwards; `backwards` of None stands for backwards wherever that may be.

    Departs from the paper in its start, which is that of `lstm` here and Equinox's for
    tables and head: given `spread`, all weights start uniform within it, as the
    paper's within 0.08 at 1,000 units. The paper has depth 4, and searches for the
    likeliest answer with a beam; here each class is the likeliest by itself. `dropout`
    leaves out a share of what every reading cell puts out.
    """

    embed: Embedding
    context: Context | None
    fed: Embedding
    encoder: LSTMStack
    decoder: LSTMStack
    head: eqx.nn.Linear
    signature: Signature
    backwards: bool = eqx.field(static=True)
    dropout: float = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    @held
    def __init__(
        self,
        signature: Signature,
        hidden: int,
        *,
        depth: AtLeastOne = 1,
        backwards: bool | None = None,
        spread: AboveZero | None = None,
        dropout: BelowOne = 0.0,
        causal: bool = False,
        key: Key,
    ):
        self.backwards = reads_backwards(signature, backwards, causal=causal)
        keys = jax.random.split(key, 5)
        parts = (
            ends(signature, hidden, hidden, key=keys[0]),
            LSTMStack(hidden, hidden, depth, key=keys[1]),
            LSTMStack(hidden, hidden, depth, key=keys[2]),
            eqx.nn.Linear(hidden, signature.outputs.size, key=keys[3]),
        )
        if spread is not None:
            parts = initializers.within(spread, parts, key=keys[4])
        inputs, self.encoder, self.decoder, self.head = parts
        self.embed, self.context, self.fed = inputs
        self.signature, self.dropout, self.causal = signature, dropout, causal

    def remember(self, steps, *, key=None):
        hs, last = self.encoder.read(
            steps, backwards=self.backwards, dropout=self.dropout, key=key
        )
        state = self.decoder.init_state() if self.online else last
        return Memory(self.ready(steps), hs, None, steps.present), state

    def say(self, memory, state, x, visible):
        del visible  # it does not look back
        state, h = memory.decoder.decoder(state, x, jnp.ones(()))
        return state, Said(memory.decoder.head(h), None)
