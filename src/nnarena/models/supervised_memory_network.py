"""The memory network of Weston, Chopra and Bordes (2015): hard look-ups, taught."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core.numbers import AboveZero, AtLeastOne, held
from ..core.problems import CannotPlay
from ..core.roles import role
from ..core.types import Classes, Key, Sentences, Sequence, Signature, Tokens
from ..nn.hard_lookup import TIMES, Ages, Looking, preferred, ranked
from ..nn.sentences import bags, bags_so_far, cut
from ..nn.slots import Looks, hop_maps
from . import MODELS
from .supervised import AbstractSupervised


SPREAD = 0.1
"""The standard deviation of all weights at first."""


class Embedding(eqx.Module):
    """A matrix U by the words that its columns are of: of x, of facts, and of y."""

    asked: Float[Array, "words hidden"] = eqx.field(metadata=role(decay=False))
    found: Float[Array, "words hidden"] = eqx.field(metadata=role(decay=False))
    sought: Float[Array, "rows hidden"] = eqx.field(metadata=role(decay=False))

    def __init__(self, asked: int, found: int, sought: int, hidden: int, *, key: Key):
        keys = jax.random.split(key, 3)
        self.asked, self.found, self.sought = (
            SPREAD * jax.random.normal(one, (rows, hidden))
            for one, rows in zip(keys, (asked, found, sought), strict=True)
        )

    def parts(
        self, question: Float[Array, " words"], facts: Float[Array, "facts words"]
    ) -> Float[Array, "parts hidden"]:
        """Returns U Phi_x of a question and of each fact found; s is of their sum."""
        return jnp.concatenate([(question @ self.asked)[None], facts @ self.found])


class Stored(NamedTuple):
    """The memory: sentences as bags of words, the newest first, and which there are."""

    bags: Float[Array, "slots words"]
    there: Bool[Array, " slots"]


@MODELS.register(
    "supervised_memory_network", family="memory", source="weston2015memory"
)
class SupervisedMemoryNetwork(AbstractSupervised):
    r"""The best sentence is looked up, and with it the next; which, it is taught.

    $$o_j = \arg\max_i s_O([x, m_{o_1}, \dots, m_{o_{j-1}}], m_i), \quad
      y_w = s_R([x, m_{o_1}, \dots, m_{o_k}], w)$$

    $$s(x, y) = \Phi_x(x)^\top U^\top U \Phi_y(y)$$

    $\Phi$ are bags of words, in which those of the question, of sentences found and of
    the candidate are different features; $s_O$ and $s_R$ have a $U$ each, of `hidden`
    rows. There are `hops` look-ups $k$ among the last `memory` sentences. With `time`
    two candidates are compared by which was said first,

    $$s_{O_t}(x, y, y') = \Phi_x(x)^\top U^\top U
      (\Phi_y(y) - \Phi_y(y') + \Phi_t(x, y, y')),$$

    where $\Phi_t$ says whether $x$ is older than $y$, $x$ than $y'$, and $y$ than $y'$,
    of each part of $x$ by itself. From the newest sentence on the preferred of two
    meets the next older one. Answers are scores of classes.

    Training is shown the sentences $f_j$ that an answer $r$ rests on, and lowers

    $$\sum_j \sum_{i \neq f_j} [\gamma - s_{O_t}(x_j, m_{f_j}, m_i)]_+
      + [\gamma + s_{O_t}(x_j, m_i, m_{f_j})]_+
      + \sum_{w \neq r} [\gamma - y_r + y_w]_+$$

    with the `margin` $\gamma$, in which $x_j$ holds the right sentences, and $y$ too:
    without `time`, where both sums over $i$ are one, the first alone. Nothing but the
    question and its story is read to answer. Validation loss, by which weights are
    kept, is the cross-entropy of the scores. Elapsed times are not read.

    A task that names no such sentences is refused, as one that does not ask once, in
    words, for a class. Where an answer rests on fewer than $k$ sentences, the last is
    to be found again; of more, the first $k$ are taught.

    Departs from the paper in sums over all wrong candidates, of which the paper draws
    one, and in batches; the order of comparisons is that of a re-implementation.
    """

    look_up: Embedding
    respond: Embedding
    times: Float[Array, "times hidden"] | None = eqx.field(metadata=role(decay=False))
    signature: Signature
    hops: int = eqx.field(static=True)
    margin: float = eqx.field(static=True)
    slots: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    @held
    def __init__(
        self,
        signature: Signature,
        hidden: int,
        *,
        hops: AtLeastOne = 2,
        time: bool = True,
        margin: AboveZero = 0.1,
        memory: AtLeastOne = 50,
        key: Key,
    ):
        words, story = _require_words(signature), _story(signature)
        look_key, respond_key, time_key = jax.random.split(key, 3)
        sizes, classes = (words, story.size), signature.outputs.size
        self.look_up = Embedding(*sizes, story.size, hidden, key=look_key)
        self.respond = Embedding(*sizes, classes, hidden, key=respond_key)
        drawn = SPREAD * jax.random.normal(time_key, (TIMES, hidden))
        self.times = drawn if time else None
        self.signature, self.hops, self.margin = signature, hops, margin
        self.slots, self.causal = min(memory, _cut_by(story).most), True

    def __call__(
        self,
        sequence: Sequence,
        context: Sequence | None = None,
        *,
        key: Key | None = None,
    ):
        question, stored = self._read(sequence, context)
        return self._answer(question, stored.bags[self._found(question, stored)])

    def found(self, sequence: Sequence, context: Sequence) -> Int[Array, " hops"]:
        """Returns the sentences that are looked up, counted back from the last, 0."""
        return self._found(*self._read(sequence, context))

    def attention_maps(self, sequence, *context):
        question, stored = self._read(sequence, *context)
        chosen = jax.nn.one_hot(self._found(question, stored), self.slots)
        return hop_maps(Looks(tuple(chosen), stored.there), None, "sentences")

    def own_loss(self, example, *, key=None):
        assert example.support is not None, "planning asks for a task that names facts"
        question, stored = self._read(*example.asked)
        ages = self._taught(example.support)
        # Of what the memory is too small for there is nothing to read, or to find.
        known = (ages >= 0) & (ages < self.slots)
        facts = jnp.where(known[:, None], stored.bags[ages], 0.0)
        scores = self._answer(question, facts)
        wrong = jnp.arange(len(scores)) != example.targets
        right = scores[example.targets]
        total = jnp.sum(jax.nn.relu(self.margin - right + scores), where=wrong)
        for hop in range(self.hops):
            looking = self._looking(question, stored, facts[:hop], ages[:hop])
            lost = ranked(looking, ages[hop], stored.there, margin=self.margin)
            total = total + jnp.where(known[hop], lost, 0.0)
        return total

    def _read(
        self, sequence: Sequence, context: Sequence | None
    ) -> tuple[Float[Array, " words"], Stored]:
        """Returns the question as a bag of words, and the memory."""
        assert context is not None, "planning asks nothing of it without a story"
        inputs, story = self.signature.inputs, _story(self.signature)
        read = bags_so_far(
            sequence.xs,
            sequence.there,
            size=inputs.size,
            sentences=inputs.sentences if isinstance(inputs, Tokens) else None,
            code="none",
        )
        where = cut(context.xs, context.there, _cut_by(story))
        told = bags(
            context.xs,
            where,
            size=story.size,
            slots=self.slots,
            sentences=_cut_by(story),
            code="none",
        )
        stored = Stored(told, jnp.arange(self.slots) < where.total)
        return read[sequence.last], stored

    def _looking(
        self,
        question: Float[Array, " words"],
        stored: Stored,
        facts: Float[Array, "facts words"],
        ages: Ages,
    ) -> Looking:
        """Returns what the next look-up prefers, after such facts."""
        parts = self.look_up.parts(question, facts)
        scores = stored.bags @ self.look_up.sought @ jnp.sum(parts, axis=0)
        times = None if self.times is None else parts @ self.times.T
        newest = jnp.full(1, -1, ages.dtype)
        return Looking(scores, times, jnp.concatenate([newest, ages]))

    def _found(
        self, question: Float[Array, " words"], stored: Stored
    ) -> Int[Array, " hops"]:
        """Returns the sentences that are looked up, each with those before it."""
        ages = jnp.zeros(0, int)
        for _ in range(self.hops):
            looking = self._looking(question, stored, stored.bags[ages], ages)
            ages = jnp.append(ages, preferred(looking, stored.there))
        return ages

    def _answer(
        self, question: Float[Array, " words"], facts: Float[Array, "facts words"]
    ) -> Float[Array, " outputs"]:
        """Returns the score of each class."""
        parts = self.respond.parts(question, facts)
        return self.respond.sought @ jnp.sum(parts, axis=0)

    def _taught(self, support: Ages) -> Int[Array, " hops"]:
        """Returns the ages of the right sentences, of which the last is found again."""
        named = jnp.sum(jnp.cumsum(support[::-1] >= 0) > 0, dtype=int)
        hops = jnp.arange(self.hops)
        return support[jnp.clip(hops, max=jnp.maximum(named - 1, 0))]


def _story(signature: Signature) -> Tokens:
    story = signature.context
    assert isinstance(story, Tokens), "a signature with facts has a story of tokens"
    return story


def _cut_by(story: Tokens) -> Sentences:
    assert story.sentences is not None, "a signature with facts has sentences"
    return story.sentences


def _require_words(signature: Signature) -> int:
    """Returns the number of words of questions that are answered once, by a class.

    Raises:
        CannotPlay: they are others.
    """
    inputs, outputs = signature.inputs, signature.outputs
    words = isinstance(inputs, Tokens) and isinstance(outputs, Classes)
    if words and signature.answers == "once":
        return inputs.size
    raise CannotPlay(
        "it answers a question in words once, by a class, and the task asks otherwise"
    )
