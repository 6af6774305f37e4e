"""Answers that are steps of the question: attention that points."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..core.numbers import AtLeastOne, held
from ..core.problems import CannotPlay
from ..core.types import Inputs, Key, Signature, Tokens
from ..nn.additive_attention import AdditiveAttention
from ..nn.decoding import SURE
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


class Meaning(eqx.Module):
    """Which class each step of a question means, and what the decoder is fed of it."""

    means: Bool[Array, "time outputs"]
    vectors: Float[Array, "outputs width"]


@MODELS.register("pointer_network", family="attention", source="vinyals2015pointer")
class PointerNetwork(AbstractAttentiveDecoder):
    r"""Two LSTMs, of which the second answers with a step that the first has read.

    $$\begin{aligned}
    d_i &= \mathrm{LSTM}_d(d_{i-1}, x_{C_{i-1}}), \quad
    u_{ij} = v \cdot \tanh(h_j W_1 + d_i W_2) \\
    p(C_i = j) &= \mathrm{softmax}(u_i)_j, \quad
    p(\text{class } k) = \textstyle\sum_{j:\,x_j = k} p(C_i = j)
    \end{aligned}$$

    The attention of `lstm_attention` is the answer here, and blends nothing: there are
    as many answers as the question has steps, whatever its length. Where generated
    answers are tokens of the question, a class has the weights of all steps at which
    it stands (Kadlec et al. 2016), and what is not in the question is never said. Of a
    question of feature vectors a class is a place: 0 is its first step. What was
    pointed at is fed to the next step, as it was read. One more step, learned, stands
    for the stop. A task with other classes is refused, and nothing in a context is
    pointed at.

    An answer that is not a step, asked for once or at every step, is an affine map of
    $\sum_j p(C = j) h_j$, the mean of what is pointed at, and is asked for as of
    `lstm_attention`: `backwards` and `causal` are as there. As in the paper, both
    LSTMs are one cell deep by default, and the question is read forwards. The start is
    that of `lstm_attention`, the paper's uniform within 0.08; the paper's beam, which
    points to no step twice, is left out.
    """

    embed: Embedding
    context: Context | None
    fed: Embedding
    encoder: LSTMStack
    decoder: LSTMStack
    attend: AdditiveAttention
    stop: Float[Array, " encoded"] | None
    head: eqx.nn.Linear | None
    signature: Signature
    backwards: bool = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    @held
    def __init__(
        self,
        signature: Signature,
        hidden: int,
        *,
        depth: AtLeastOne = 1,
        backwards: bool = False,
        causal: bool = False,
        key: Key,
    ):
        _require_steps(signature)
        self.backwards = reads_backwards(signature, backwards, causal=causal)
        keys = jax.random.split(key, 6)
        self.embed, self.context, fed = ends(signature, hidden, hidden, key=keys[0])
        generates = signature.generated is not None
        self.fed = eqx.nn.Embedding(1, hidden, key=keys[1]) if generates else fed
        self.encoder = LSTMStack(hidden, hidden, depth, key=keys[2])
        self.decoder = LSTMStack(hidden, hidden, depth, key=keys[3])
        self.attend = AdditiveAttention(hidden, hidden, hidden, key=keys[4])
        self.stop = self.head = None
        if generates:
            self.stop = jax.random.normal(keys[5], (hidden,))
        else:
            self.head = eqx.nn.Linear(hidden, signature.outputs.size, key=keys[5])
        self.signature, self.causal = signature, causal

    def remember(self, steps, *, key=None):
        del key  # nothing is drawn
        hs, last = self.encoder.read(steps, backwards=self.backwards)
        ready = self.ready(steps)
        state = self.decoder.init_state() if self.online else last
        return Memory(ready, hs, ready.attend.keys(hs), steps.present), state

    def kept(self, sequence, steps, places, *, key=None):
        memory, state = self.remember(steps, key=key)
        ready = memory.decoder
        places = jnp.arange(sequence.length) if places is None else places
        hs = jnp.concatenate([memory.hs[places], ready.stop[None]])
        present = sequence.present
        if present is not None:
            present = jnp.append(present, True)
        means, vectors = self._means(sequence.xs), self._vectors(steps.xs[places])
        keys = ready.attend.keys(hs)
        return Memory(ready, hs, keys, present, Meaning(means, vectors)), state

    @property
    def places(self):
        return ("steps",) if self.stop is None else ("question", "stop")

    def vector(self, memory, token):
        return memory.own.vectors[token]

    def say(self, memory, state, x, visible):
        ready = memory.decoder
        state, d = ready.decoder(state, x, jnp.ones(()))
        scores = ready.attend.scores(d, memory.keys, visible)
        weights = jax.nn.softmax(scores)
        if ready.head is not None:
            return state, Said(ready.head(weights @ memory.hs), weights)
        return state, Said(of_classes(scores, memory.own.means), weights)

    def _means(self, xs: Inputs) -> Bool[Array, "steps outputs"]:
        """Returns which class each step of a question is, and that the last stops."""
        answers = self.signature.generated
        assert answers is not None
        tokens = isinstance(self.signature.inputs, Tokens)
        said = xs if tokens else jnp.arange(len(xs))
        classes = jnp.arange(self.signature.outputs.size)
        special = (classes == answers.start) | (classes == answers.stop)
        found = (said[:, None] == classes[None]) & ~special[None]
        return jnp.concatenate([found, (classes == answers.stop)[None]])

    def _vectors(
        self, read: Float[Array, "steps width"]
    ) -> Float[Array, "outputs width"]:
        """Returns what is fed of each class: as it was read, the start by itself."""
        answers, outputs = self.signature.generated, self.signature.outputs.size
        assert answers is not None
        rows = self.embed.weight if isinstance(self.embed, eqx.nn.Embedding) else read
        missing = max(0, outputs - len(rows))
        rows = jnp.pad(rows[:outputs], ((0, missing), (0, 0)))
        return rows.at[answers.start].set(self.fed.weight[0])


def of_classes(
    scores: Float[Array, " time"], means: Bool[Array, "time outputs"]
) -> Float[Array, " outputs"]:
    """Returns the logits of classes of which each has all steps that mean it.

    A class that no step means is surely not said: that, too, is a finite logit.
    """
    each = jnp.where(means, scores[:, None], -jnp.inf)
    some = jnp.isfinite(each).any(axis=0)
    # Of a class without steps the gradient would be NaN, even where it is not chosen.
    found = jax.nn.logsumexp(jnp.where(some[None], each, 0.0), axis=0)
    return jnp.where(some, found, -SURE)


def _require_steps(signature: Signature) -> None:
    """Returns if classes that may be said are tokens of the question, or its places.

    Raises:
        CannotPlay: one is neither.
    """
    if (answers := signature.generated) is None:
        return
    special = answers.start, answers.stop
    said = [one for one in range(signature.outputs.size) if one not in special]
    if isinstance(signature.inputs, Tokens):
        known, are = signature.inputs.size, "tokens of the question"
    else:
        known, are = len(said), "places of its steps, counted from class 0"
    if others := sum(one >= known for one in said):
        raise CannotPlay(
            f"it points at steps of the question, and of the task's {len(said)} "
            f"classes {others} are not {are}"
        )
