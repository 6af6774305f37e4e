"""Translation that learns to align: a decoder that looks at all annotations."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key, Signature
from ..nn import initializers
from ..nn.additive_attention import AdditiveAttention
from ..nn.joined import Context, Embedding
from ..nn.mirrored import mirror, mirrored
from ..nn.unroll import unroll
from . import MODELS
from .base import AbstractCell
from .recurrent_decoder import AbstractAttentiveDecoder, Memory, Said, ends


SPREAD, ALIGN_SPREAD = 0.01, 0.001
"""Deviations of the weights at the start: of most, and of those that compare."""


class OpeningGRU(AbstractCell):
    """A GRU whose update gate opens the candidate, and that resets before its product.

    `gru` keeps its state where the gate is open, and resets after the product. Its
    recurrent matrices start orthogonal, the others near zero, biases at zero.
    """

    input_weight: Float[Array, "features 3*hidden"]
    gate_weight: Float[Array, "hidden 2*hidden"]
    candidate_weight: Float[Array, "hidden hidden"]
    bias: Float[Array, " 3*hidden"]
    hidden_size: int = eqx.field(static=True)

    def __init__(self, features: int, hidden: int, *, key: Key):
        first, second = jax.random.split(key)
        self.input_weight = SPREAD * jax.random.normal(first, (features, 3 * hidden))
        recurrent = initializers.orthogonal(hidden, gates=3, key=second)
        self.gate_weight = recurrent[:, : 2 * hidden]
        self.candidate_weight = recurrent[:, 2 * hidden :]
        self.bias = jnp.zeros(3 * hidden)
        self.hidden_size = hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        del dt  # a discrete model: one observation is one step
        read = x @ self.input_weight + self.bias
        read_r, read_z, read_n = jnp.split(read, 3)
        state_r, state_z = jnp.split(state @ self.gate_weight, 2)
        r = jax.nn.sigmoid(read_r + state_r)
        z = jax.nn.sigmoid(read_z + state_z)
        n = jnp.tanh(read_n + (r * state) @ self.candidate_weight)
        h = (1.0 - z) * state + z * n
        return h, h


@MODELS.register("bahdanau", family="attention", source="bahdanau2015neural")
class Bahdanau(AbstractAttentiveDecoder):
    r"""Reads in both directions, and looks for what each answer needs before it.

    $$\begin{aligned}
    h_j &= [\overrightarrow{h}_j; \overleftarrow{h}_j], \quad
    s_0 = \tanh(\overleftarrow{h}_1 W_s + b_s) \\
    a_{ij} &= \mathrm{softmax}_j\; v \cdot \tanh(s_{i-1} W_a + h_j U_a), \quad
    c_i = \textstyle\sum_j a_{ij} h_j \\
    r, z &= \sigma([E y_{i-1}; c_i] W_{rz} + s_{i-1} U_{rz} + b_{rz}) \\
    s_i &= (1 - z) \odot s_{i-1} + z \odot
    \tanh([E y_{i-1}; c_i] W + (r \odot s_{i-1}) U + b) \\
    t_i &= [s_{i-1}; E y_{i-1}; c_i] W_t + b_t, \quad
    \text{answer}_{i} = \max(t_{i,2k-1}, t_{i,2k})_k W_o + b_o
    \end{aligned}$$

    The encoder's two recurrences have the decoder's form, without $c$. Where `seq2seq`
    hands over one state, every step of the question stays to be looked at, and no
    answer is further from it than one step of attention. Its GRU is not `gru`: the
    open update gate $z$ takes the candidate here and keeps the state there. An answer
    is made of the state before it, of the class before it and of what was found, so
    that asked once it answers without a step of its decoder, which has no cell then.

    Asked at every step it is fed an affine map of the step's $h_j$ in place of a class.
    It reads from both ends, so that it cannot play where answers may use no later
    input. The start is the authors': recurrent matrices orthogonal, $W_a$ and $U_a$
    normal with deviation 0.001, $v$ zero, so that it begins with the mean of all
    annotations, biases zero and all else normal with deviation 0.01.

    Departs from the paper in one width for all, where it has 1,000 units, as many that
    compare, half as many maxima and words of 620 numbers. It trains by Adadelta and
    searches for the likeliest answer with a beam; here the trainer is the suite's, and
    each class is the likeliest by itself.
    """

    embed: Embedding
    context: Context | None
    fed: Embedding
    forth: OpeningGRU
    back: OpeningGRU
    begin: eqx.nn.Linear
    attend: AdditiveAttention
    cell: OpeningGRU | None
    deep: eqx.nn.Linear
    head: eqx.nn.Linear
    signature: Signature
    causal: bool = eqx.field(static=True)

    def __init__(self, signature: Signature, hidden: int, *, key: Key):
        keys = jax.random.split(key, 8)
        encoded, maxima = 2 * hidden, -(-hidden // 2)
        given = ends(signature, hidden, encoded, key=keys[0])
        given = initializers.near_zero(SPREAD, given, key=keys[1])
        self.embed, self.context, self.fed = given
        self.forth = OpeningGRU(hidden, hidden, key=keys[2])
        self.back = OpeningGRU(hidden, hidden, key=keys[3])
        attend = AdditiveAttention(hidden, encoded, hidden, key=keys[4])
        self.attend = initializers.near_zero(ALIGN_SPREAD, attend, key=keys[5])
        self.cell = None
        if signature.answers != "once":
            self.cell = OpeningGRU(hidden + encoded, hidden, key=keys[6])
        outputs = signature.outputs.size
        parts = (
            eqx.nn.Linear(hidden, hidden, key=key),
            eqx.nn.Linear(2 * hidden + encoded, 2 * maxima, key=key),
            eqx.nn.Linear(maxima, outputs, key=key),
        )
        parts = initializers.near_zero(SPREAD, parts, key=keys[7])
        self.begin, self.deep, self.head = parts
        self.signature, self.causal = signature, False

    def remember(self, steps, *, key=None):
        del key  # nothing is drawn
        back = unroll(self.back, mirrored(steps))
        forth = unroll(self.forth, steps).hs
        hs = jnp.concatenate([forth, back.hs[mirror(steps)]], axis=1)
        ready = self.ready(steps)
        memory = Memory(ready, hs, ready.attend.keys(hs), steps.present)
        return memory, jnp.tanh(ready.begin(back.last))

    def say(self, memory, state, x, visible):
        ready = memory.decoder
        weights = ready.attend.weights(state, memory.keys, visible)
        found = weights @ memory.hs
        pairs = ready.deep(jnp.concatenate([state, x, found]))
        answer = ready.head(jnp.max(pairs.reshape(-1, 2), axis=1))
        if ready.cell is not None:
            state, _ = ready.cell(state, jnp.concatenate([x, found]), jnp.ones(()))
        return state, Said(answer, weights)
