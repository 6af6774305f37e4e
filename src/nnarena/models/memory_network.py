"""The end-to-end memory network of Sukhbaatar et al. (2015)."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core.numbers import AtLeastOne, NotNegativeInt, Share, held
from ..core.problems import CannotPlay
from ..core.roles import role
from ..core.types import Key, Sentences, Sequence, Signature, Tokens
from ..nn.linear import as_vectors
from ..nn.sentences import (
    PlaceCode,
    bags,
    bags_so_far,
    cut,
    time_scale,
    with_places,
)
from ..nn.slots import Looks, Slots, dated, hop_maps, last_steps
from . import MODELS
from .base import AbstractModel


Tying = Literal["adjacent", "layerwise"]

SPREAD = 0.1
"""The standard deviation of all weights at first."""

Table = Float[Array, "rows hidden"]


@MODELS.register("memory_network", family="memory", source="sukhbaatar2015end")
class MemoryNetwork(AbstractModel):
    r"""Sentences are looked up by a question, hop after hop, by one softmax each.

    $$m_i = \sum_j l_j * A^k_{x_{ij}} + T^A_i, \quad
      o_i = \sum_j l_j * C^k_{x_{ij}} + T^C_i, \quad u^1 = \sum_j l_j * B_{q_j}$$

    $$p_i = \mathrm{softmax}_i(m_i \cdot u^k), \quad u^{k+1} = u^k + \sum_i p_i o_i,
      \quad y = u^{K+1} W$$

    $i$ counts sentences back from the question, over the last `memory` of them; $l_j$
    is the `encoding` of places in a sentence: the "released" code's,
    $1 + 4 (k - (d+1)/2)(j - (J+1)/2)/(dJ)$ with $J$ one more than the longest sentence
    of the data, the "paper"'s, $(1 - j/J) - (k/d)(1 - 2j/J)$ with $J$ the words of the
    sentence, or "none", a bag of words. `time` switches $T$. `tying` is "adjacent",
    $A^{k+1} = C^k$, $B = A^1$, or "layerwise", $A$ and $C$ shared by all hops and
    $u^{k+1} = u^k H + \sum_i p_i o_i$. Adjacent, $W$ is $C^K$ where there are as many
    classes as tokens, which on `babi` are words alike; else it is a map of its own.
    The row of the mark that ends sentences is zero and stays so.

    Given a key, as in training, up to `time_noise` of gaps are put between the times
    of sentences. A linear start leaves the softmax out in training, $p_i = m_i \cdot
    u^k$, up to update `linear_start`; validation and test have it always, so that
    weights of the start are kept only if they are the best with it.

    A task with a context has the question as its query, with an answer after each of
    its steps if so asked, and as memory the context: its sentences, or steps where its
    tokens form none. Without a context every step is a slot, the last step is the
    query, and an answer at a step looks back from there. Elapsed times are not read.

    Its recipe is SGD on the sum over batches of 32 at 0.01, halved every 25 epochs of
    100, every weight's gradient clipped at a norm of 40; with a linear start at 0.005,
    halved from its end after 20 epochs on. As the arena's loss is a mean, this is a
    rate of 0.32 (0.16) and a `clip` of 1.25 by "weight_norm"
    (`experiments/memory_networks.toml`).

    Departs from the paper in batches without replacement, in clipping by the root of
    the squares instead of the largest singular value, in weights kept by validation,
    and in one run per seed instead of the best of ten by training error. Time words are
    rows of the tables, scaled as the last word, as in the released code.
    """

    tables: tuple[Table, ...] = eqx.field(metadata=role(decay=False))
    query: Table | None = eqx.field(metadata=role(decay=False))
    carry: Float[Array, "hidden hidden"] | None
    head: Float[Array, "hidden outputs"] | None
    linear: Bool[Array, ""] | None
    signature: Signature
    hidden: int = eqx.field(static=True)
    hops: int = eqx.field(static=True)
    tying: Tying = eqx.field(static=True)
    encoding: PlaceCode = eqx.field(static=True)
    time: bool = eqx.field(static=True)
    time_noise: float = eqx.field(static=True)
    linear_start: int = eqx.field(static=True)
    slots: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    @held
    def __init__(
        self,
        signature: Signature,
        hidden: int,
        *,
        hops: NotNegativeInt = 3,
        tying: Tying = "adjacent",
        encoding: PlaceCode = "released",
        time: bool = True,
        time_noise: Share = 0.1,
        memory: AtLeastOne = 50,
        linear_start: NotNegativeInt = 0,
        key: Key,
    ):
        _require_one_vocabulary(signature)
        self.signature, self.hidden, self.hops = signature, hidden, hops
        self.tying, self.time, self.time_noise = tying, time, time_noise
        self.linear, self.linear_start, self.causal = None, linear_start, True
        self.slots = memory
        if self.sentences is not None:
            self.slots = min(memory, self.sentences.most)
        self.encoding = "none" if self.sentences is None else encoding
        self._draw(key)

    def _draw(self, key: Key) -> None:
        adjacent, inputs = self.tying == "adjacent", self.signature.inputs
        outputs = self.signature.outputs.size
        table_key, query_key, carry_key, head_key = jax.random.split(key, 4)
        rows = inputs.size + (self.slots if self.time else 0)
        count = self.hops + 1 if adjacent else min(2 * self.hops, 2)
        self.tables = tuple(
            _normal(rows, self.hidden, key=one)
            for one in jax.random.split(table_key, count)
        )
        self.query = self.carry = self.head = None
        if not adjacent:
            self.query = _normal(inputs.size, self.hidden, key=query_key)
            self.carry = _normal(self.hidden, self.hidden, key=carry_key)
        if not (adjacent and isinstance(inputs, Tokens) and inputs.size == outputs):
            self.head = _normal(self.hidden, outputs, key=head_key)

    @property
    def sentences(self) -> Sentences | None:
        """How the context is cut into sentences; None where steps are slots."""
        context = self.signature.context
        return context.sentences if isinstance(context, Tokens) else None

    def at_update(self, step):
        if not self.linear_start:
            return self
        return eqx.tree_at(
            lambda model: model.linear,
            self,
            step < self.linear_start,
            is_leaf=lambda part: part is None,
        )

    def __call__(
        self,
        sequence: Sequence,
        context: Sequence | None = None,
        *,
        key: Key | None = None,
    ):
        return self._told(sequence, context, key)[0]

    def attention_maps(self, sequence, *context):
        _, looks = self._told(sequence, context[0] if context else None, None)
        if not context:
            return hop_maps(looks, sequence, "steps")
        return hop_maps(looks, None, "sentences" if self.sentences else "context")

    def _told(
        self, sequence: Sequence, context: Sequence | None, key: Key | None
    ) -> tuple[Array, Looks]:
        """Returns the answers, and where each looked."""
        once = self.signature.answers == "once"
        if context is not None:
            memory, queries = self._memory(context, key), self._queries(sequence)
            wide = self._embedded(memory)
            if once:
                return self._answer(queries[sequence.last], wide, memory.there)
            return jax.vmap(lambda u: self._answer(u, wide, memory.there))(queries)
        vectors = as_vectors(sequence.xs, self.signature.inputs)

        def answered(step: Int[Array, ""]) -> tuple[Array, Looks]:
            memory = self._dated(*last_steps(vectors, step, self.slots), key)
            query = vectors[step] @ self._words(self._query_table)
            return self._answer(query, self._embedded(memory), memory.there)

        last = jnp.asarray(sequence.last)
        return answered(last) if once else jax.vmap(answered)(jnp.arange(len(vectors)))

    def _memory(self, context: Sequence, key: Key | None) -> Slots:
        """Returns the sentences of a context, or its steps."""
        if self.sentences is None:
            vectors = as_vectors(context.xs, self.signature.inputs)
            last = jnp.asarray(context.last)
            return self._dated(*last_steps(vectors, last, self.slots), key)
        where = cut(context.xs, context.there, self.sentences)
        contents = bags(
            context.xs,
            where,
            size=self.signature.inputs.size,
            slots=self.slots,
            sentences=self.sentences,
            code=self.encoding,
        )
        return self._dated(contents, jnp.minimum(where.total, self.slots), key)

    def _dated(
        self,
        contents: Float[Array, "slots columns"],
        count: Int[Array, ""],
        key: Key | None,
    ) -> Slots:
        """Returns slots with their ages, which are noisy where a key is given."""
        share = self.time_noise if self.time else 0.0
        return dated(contents, count, most=self.slots, share=share, key=key)

    def _queries(self, question: Sequence) -> Float[Array, "time hidden"]:
        """Returns the query after each step of a question: its words so far."""
        read = bags_so_far(
            question.xs,
            question.there,
            size=self.signature.inputs.size,
            sentences=self.sentences,
            code=self.encoding,
        )
        return read @ with_places(self._words(self._query_table), self.encoding)

    @property
    def _query_table(self) -> Table:
        return self.tables[0] if self.query is None else self.query

    def _words(self, table: Table) -> Float[Array, "words hidden"]:
        """Returns the rows of inputs, of which that of the mark is zero."""
        words = table[: self.signature.inputs.size]
        if self.sentences is None:
            return words
        is_word = jnp.arange(len(words)) != self.sentences.end
        return jnp.where(is_word[:, None], words, 0.0)

    def _embedded(self, memory: Slots) -> Float[Array, "tables slots hidden"]:
        """Returns what each table makes of the slots, by one product for all."""
        if not self.tables:
            return jnp.zeros((0, len(memory.there), self.hidden))
        columns = [with_places(self._words(t), self.encoding) for t in self.tables]
        contents = memory.contents
        if self.time:
            dated = jax.nn.one_hot(memory.ages, self.slots)
            contents = jnp.concatenate([contents, dated], axis=1)
            columns = [
                jnp.concatenate([own, self._times(table)])
                for own, table in zip(columns, self.tables, strict=True)
            ]
        wide = contents @ jnp.concatenate(columns, axis=1)
        wide = jnp.where(memory.there[:, None], wide, 0.0)
        return wide.reshape(len(wide), -1, self.hidden).transpose(1, 0, 2)

    def _times(self, table: Table) -> Float[Array, "times hidden"]:
        scale = time_scale(self.hidden, self.sentences, self.encoding)
        return table[self.signature.inputs.size :] * scale[None]

    def _answer(
        self,
        u: Float[Array, " hidden"],
        wide: Float[Array, "tables slots hidden"],
        there: Bool[Array, " slots"],
    ) -> tuple[Float[Array, " outputs"], Looks]:
        """Returns the logits, or values, that the hops lead to, and where they look."""
        weights = []
        for hop in range(self.hops):
            first = hop if self.tying == "adjacent" else 0
            p = self._looked_up(wide[first] @ u, there)
            u = (u if self.carry is None else u @ self.carry) + p @ wide[first + 1]
            weights.append(p)
        head = self._words(self.tables[-1]).T if self.head is None else self.head
        return u @ head, Looks(tuple(weights), there)

    def _looked_up(
        self, scores: Float[Array, " slots"], there: Bool[Array, " slots"]
    ) -> Float[Array, " slots"]:
        """Returns the weights of slots: of those not in use, exactly 0."""
        soft = jax.nn.softmax(jnp.where(there, scores, -jnp.inf))
        return soft if self.linear is None else jnp.where(self.linear, scores, soft)


def _normal(rows: int, columns: int, *, key: Key) -> Float[Array, "rows columns"]:
    return SPREAD * jax.random.normal(key, (rows, columns))


def _require_one_vocabulary(signature: Signature) -> None:
    """Returns if questions and their stories share one vocabulary."""
    context = signature.context
    if context is None or (isinstance(context, Tokens) and context == signature.inputs):
        return
    raise CannotPlay(
        "it looks up a context by the words of its question, and the task's context is "
        "not of the question's tokens"
    )
