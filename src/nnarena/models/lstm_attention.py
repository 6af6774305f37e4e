"""Two LSTMs, of which the second looks at what the first has read."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AtLeastOne, BelowOne, held
from ..core.types import Key, Signature
from ..nn.additive_attention import AdditiveAttention
from ..nn.joined import Context, Embedding
from . import MODELS
from .lstm_stack import LSTMStack
from .recurrent_decoder import (
    AbstractAttentiveDecoder,
    Memory,
    Said,
    ends,
    reads_backwards,
)


@MODELS.register("lstm_attention", family="attention", source="vinyals2015grammar")
class LSTMAttention(AbstractAttentiveDecoder):
    r"""As `seq2seq`, and each answer looks at all steps that were read.

    $$\begin{aligned}
    d_i &= \mathrm{LSTM}_d(d_{i-1}, [E y_{i-1}; d'_{i-1}]), \quad d_0 = h_1, d'_0 = 0 \\
    u_{ij} &= v \cdot \tanh(h_j W_1 + d_i W_2), \quad
    a_i = \mathrm{softmax}(u_i), \quad d'_i = \textstyle\sum_j a_{ij} h_j \\
    \text{answer}_i &= [d_i; d'_i] W_o + b_o
    \end{aligned}$$

    The state that asks is the one after the step, $d_i$, where `bahdanau` asks with
    the one before it, and what was found, $d'_i$, joins it: for the answer and
    for the next step. The question is read once, `backwards` as in the paper; an
    $h_j$ knows the steps from $j$ to the end alone. The uppermost of `depth` cells
    asks, and is asked.

    Asked once, it answers after one step, fed a start. Asked at every step, it is fed
    that step's $h_j$ in place of a class. With `causal` it starts blank there, reads
    forwards and looks at the steps so far: attention over its own past.

    Departs from the paper, of three cells of 256 units, in depth and start: that of
    `lstm`, the attention's Glorot-uniform, Equinox's for tables and head. Words have no
    vectors from elsewhere, and answers are not searched for with a beam. `dropout`
    leaves out a share of what every reading cell puts out.
    """

    embed: Embedding
    context: Context | None
    fed: Embedding
    encoder: LSTMStack
    decoder: LSTMStack
    attend: AdditiveAttention
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
        dropout: BelowOne = 0.0,
        causal: bool = False,
        key: Key,
    ):
        self.backwards = reads_backwards(signature, backwards, causal=causal)
        keys = jax.random.split(key, 5)
        self.embed, self.context, self.fed = ends(
            signature, hidden, hidden, key=keys[0]
        )
        self.encoder = LSTMStack(hidden, hidden, depth, key=keys[1])
        self.decoder = LSTMStack(2 * hidden, hidden, depth, key=keys[2])
        self.attend = AdditiveAttention(hidden, hidden, hidden, key=keys[3])
        self.head = eqx.nn.Linear(2 * hidden, signature.outputs.size, key=keys[4])
        self.signature, self.dropout, self.causal = signature, dropout, causal

    def remember(self, steps, *, key=None):
        hs, last = self.encoder.read(
            steps, backwards=self.backwards, dropout=self.dropout, key=key
        )
        ready = self.ready(steps)
        start = self.decoder.init_state() if self.online else last
        memory = Memory(ready, hs, ready.attend.keys(hs), steps.present)
        return memory, (start, jnp.zeros_like(hs[0]))

    def say(self, memory, state, x, visible):
        ready, (states, found) = memory.decoder, state
        states, d = ready.decoder(states, jnp.concatenate([x, found]), jnp.ones(()))
        weights = ready.attend.weights(d, memory.keys, visible)
        found = weights @ memory.hs
        answer = ready.head(jnp.concatenate([d, found]))
        return (states, found), Said(answer, weights)
