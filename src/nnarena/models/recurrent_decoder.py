"""What decoders by recurrence share: all but how they read and what they say.

    generated    fed its last class            ->  the next class, until it stops
    once         fed a start                   ->  the answer
    every step   fed what it made of the step  ->  the step's answer

Forced and free decoding are the arena's (`nnarena.nn.decoding`).
"""

import abc
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core.problems import CannotPlay
from ..core.types import Key, Sequence, Signature, State
from ..nn.attention_map import AttentionMap, Axis, Maps
from ..nn.decoding import fed
from ..nn.joined import Context, Embedding, before, make_context
from ..nn.linear import embedded
from ..nn.parametrization import resolve
from ..nn.trace import NO_NUDGES, Trace, nudged
from ..nn.unroll import checkpointed, own_vectors
from .decoder import AbstractDecoder
from .ends import embedding


Places = Int[Array, " steps"] | None
"""Where the steps of a question stand among all that is read; None: they are all."""


class Said(NamedTuple):
    """An answer, and how much each step that was read weighed in it, if known.

    Of a pointer also the stop, as the last.
    """

    answer: Float[Array, " outputs"]
    weights: Float[Array, " places"] | None


class Memory(eqx.Module):
    """What is kept of a question while it is answered.

    `decoder` is the contender, as a loop wants it; `hs` are the annotations of all
    steps, `keys` what attention makes of them, without it None. `own` is whatever else
    the contender keeps.
    """

    decoder: Any
    hs: Float[Array, "time encoded"]
    keys: Float[Array, "time align"] | None
    present: Bool[Array, " time"] | None
    own: Any = None


def online(signature: Signature, *, causal: bool) -> bool:
    """Returns whether answers come step by step and may use no later one."""
    return causal and signature.answers == "every step"


def reads_backwards(
    signature: Signature, backwards: bool | None, *, causal: bool
) -> bool:
    """Returns whether the question is read from its end: None where that may be.

    Raises:
        CannotPlay: it was to be, and no answer may use a later step.
    """
    forwards = online(signature, causal=causal)
    if backwards and forwards:
        raise CannotPlay(
            "it reads the question from its end, and the task forbids answers that use "
            "later inputs; with backwards=false, or without that setting, it can play"
        )
    return not forwards if backwards is None else backwards


def ends(
    signature: Signature, width: int, encoded: int, *, key: Key
) -> tuple[Embedding, Context | None, Embedding]:
    """Returns what embeds questions and contexts, and what the decoder is fed."""
    embed_key, fed_key = jax.random.split(key)
    make = partial(embedding, width=width)
    context = make_context(signature, make, key=embed_key)
    if signature.answers == "every step":
        fed = eqx.nn.Linear(encoded, width, key=fed_key)
    else:
        classes = signature.outputs.size if signature.generated else 1
        fed = eqx.nn.Embedding(classes, width, key=fed_key)
    return make(signature.inputs, key=embed_key), context, fed


class AbstractRecurrentDecoder(AbstractDecoder):
    """Reads with one recurrence and answers with another, which starts where it ends.

    `fed` is what the second is fed: a table of classes where answers are generated, of
    one start where the task answers once, and else an affine map of the annotations.
    Where an answer may use no later input (`online`), the second starts blank and looks
    at no later step. A context is read before the question, as one sequence.
    """

    embed: eqx.AbstractVar[Embedding]
    context: eqx.AbstractVar[Context | None]
    fed: eqx.AbstractVar[Embedding]
    signature: eqx.AbstractVar[Signature]

    @abc.abstractmethod
    def remember(
        self, steps: Sequence, *, key: Key | None = None
    ) -> tuple[Memory, State]:
        """Returns what it keeps of embedded steps, and the state before it answers."""

    @abc.abstractmethod
    def say(
        self,
        memory: Memory,
        state: State,
        x: Float[Array, " width"],
        visible: Bool[Array, " time"] | None,
    ) -> tuple[State, Said]:
        """Returns the state after one answer, and the answer.

        Of all steps those are `visible` that are there and may be looked at.
        """

    def vector(self, memory: Memory, token: Int[Array, ""]) -> Float[Array, " width"]:
        """Returns what it is fed of a class that was said."""
        del memory  # of one whose classes are steps of the question, all that is needed
        return self.fed(token)

    @property
    def online(self) -> bool:
        """Whether it answers step by step and uses no later one."""
        return online(self.signature, causal=self.causal)

    def ready(self, steps: Sequence) -> Any:
        """Returns the contender as a loop over these steps wants it."""
        return own_vectors(resolve(self), steps.xs[0, 0])

    def read(
        self, sequence: Sequence, context: Sequence | None = None
    ) -> tuple[Sequence, Places]:
        """Returns the vectors of all that is read, and the places of the question."""
        question = sequence.with_xs(embedded(self.embed, sequence.xs))
        return before(self.context, context, question, self.embed)

    def kept(
        self,
        sequence: Sequence,
        steps: Sequence,
        places: Places,
        *,
        key: Key | None = None,
    ) -> tuple[Memory, State]:
        """Returns what it keeps to generate the answers to a question, as embedded."""
        del sequence, places  # of one that says what it read, all that is needed
        return self.remember(steps, key=key)

    def encode(self, sequence, context=None, *, key=None):
        return self.kept(sequence, *self.read(sequence, context), key=key)

    def step(self, memory, state, token):
        x = self.vector(memory, token)
        state, said = self.say(memory, state, x, memory.present)
        return state, said.answer

    def __call__(self, sequence, *context, key=None):
        if self.signature.generated:
            return self.free(*self.encode(sequence, *context, key=key))
        return self.answered(*self.read(sequence, *context), key=key).answer

    def trace(self, sequence, *context, nudges=NO_NUDGES):
        steps, places = self.read(sequence, *context)
        steps = steps.with_xs(nudged(steps.xs, nudges.inputs))
        if self.signature.generated:
            return Trace(self.free(*self.kept(sequence, steps, places)), steps.xs)
        return Trace(self.answered(steps, places).answer, steps.xs)

    def answered(
        self, steps: Sequence, places: Places, *, key: Key | None = None
    ) -> Said:
        """Returns the answer to embedded steps, once or at every step."""
        memory, state = self.remember(steps, key=key)
        if self.signature.answers == "once":
            start = self.fed(jnp.array(0))
            return self.say(memory, state, start, memory.present)[1]
        said = self.along(memory, state, embedded(self.fed, memory.hs))
        return said if places is None else jax.tree.map(lambda one: one[places], said)

    def along(
        self, memory: Memory, state: State, xs: Float[Array, "answers width"]
    ) -> Said:
        """Returns the answers of a loop that is fed these vectors."""
        places = jnp.arange(memory.hs.shape[0])

        def step(state, seen):
            place, x = seen
            visible = memory.present
            if self.online:
                upto = places <= place
                visible = upto if visible is None else upto & visible
            return self.say(memory, state, x, visible)

        numbered = jnp.arange(xs.shape[0]), xs
        return jax.lax.scan(checkpointed(step, "none"), state, numbered)[1]


class AbstractAttentiveDecoder(AbstractRecurrentDecoder):
    """One that says where it looks."""

    @property
    def places(self) -> tuple[Axis, ...]:
        """What it looks at."""
        return ("steps",)

    def attention_maps(
        self,
        sequence: Sequence,
        *context: Sequence,
        said: Int[Array, " answers"] | None = None,
    ) -> Maps:
        """Returns how much every answer weighs each step that was read: "alignment".

        Generated answers are its own, or those `said`, as of a figure that compares
        contenders.
        """
        found = self._looked(said, sequence, *context).weights
        assert found is not None, "it says where it looks"
        rows = jnp.atleast_2d(found)
        return {"alignment": AttentionMap(rows, "answers", self.places)}

    def _looked(
        self,
        said: Int[Array, " answers"] | None,
        *asked: Sequence,
    ) -> Said:
        """Returns the answers with their weights."""
        if (answers := self.signature.generated) is None:
            return self.answered(*self.read(*asked))
        memory, state = self.encode(*asked)
        said = jnp.argmax(self.free(memory, state), axis=1) if said is None else said
        vectors = jax.vmap(lambda token: self.vector(memory, token))
        return self.along(memory, state, vectors(fed(answers, said)))
