"""What a contender is that generates its answers: one class after another.

    encode   question, context     ->  memory, state
    step     memory, state, class  ->  state, logits of the next class

An attention decoder remembers the encoded steps, looks at them in `step`, and is one
file; the loops are written once (`nnarena.nn.decoding`).
"""

import abc
from typing import cast

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ..core.types import Example, Generated, Key, Sequence, Signature, State
from ..nn.decoding import forced, free, one_by_one
from .base import AbstractModel


class AbstractDecoder(AbstractModel):
    """A whole contender that generates: a question, then one class after another.

    Its answer to a question is what it says when it is fed its own classes. One that
    can also answer once, or at every step, has a `__call__` that does so where its
    signature asks for it. One that reads no context leaves that argument of `encode`
    out, and is refused where there is a context.
    """

    signature: eqx.AbstractVar[Signature]

    @abc.abstractmethod
    def encode(
        self,
        sequence: Sequence,
        context: Sequence | None = None,
        *,
        key: Key | None = None,
    ) -> tuple[PyTree, State]:
        """Returns what it keeps of a question, and the state before the first class.

        The memory stays as it is while the answer is said: encoded steps, and weights
        that derive from others, resolved. Given a key, as in training, it may draw.
        """

    @abc.abstractmethod
    def step(
        self, memory: PyTree, state: State, token: Int[Array, ""]
    ) -> tuple[State, Float[Array, " outputs"]]:
        """Returns the next state and the logits of the class that follows `token`."""

    def steps(
        self, memory: PyTree, state: State, tokens: Int[Array, " answers"]
    ) -> Float[Array, "answers outputs"]:
        """Returns the logits after each of the tokens, which are all given.

        One at a time; a decoder that can take all at once, as attention can, does so by
        a method of its own.
        """
        return one_by_one(self, memory, state, tokens)

    def free(self, memory: PyTree, state: State) -> Float[Array, "answers outputs"]:
        """Returns the logits of what it says when it is fed its own classes."""
        return free(self, answers_of(self), memory, state)

    def forced(
        self,
        targets: Int[Array, " answers"],
        *asked: Sequence,
        key: Key | None = None,
    ) -> Float[Array, "answers outputs"]:
        """Returns the logits of each class of an answer, given those before it."""
        encoded = self.encode(*asked, key=key)
        return forced(self, answers_of(self), targets, *encoded)

    def __call__(self, sequence, *context, key=None):
        return self.free(*self.encode(sequence, *context, key=key))


def taught(
    model: AbstractModel,
    signature: Signature,
    example: Example,
    *,
    key: Key | None = None,
) -> Array:
    """Returns the answers that the loss judges: generated ones are forced.

    With a key the model answers as in training, where it may draw.
    """
    if signature.generated is None:
        return model(*example.asked, key=key)
    decoder = cast(AbstractDecoder, model)
    return decoder.forced(example.targets, *example.asked, key=key)


def answers_of(decoder: AbstractDecoder) -> Generated:
    """Returns how a decoder generates its answers."""
    answers = decoder.signature.answers
    assert isinstance(answers, Generated), "planning asks no decoder for other answers"
    return answers


class Said(eqx.Module):
    """What was said so far, with room for the rest."""

    tokens: Int[Array, " answers"]
    count: Int[Array, ""]


class AbstractParallelDecoder(AbstractDecoder):
    """A decoder that looks at all that it has said at once, as attention does.

    Its state is what it has said, which every step reads again.
    """

    @abc.abstractmethod
    def remember(
        self,
        sequence: Sequence,
        context: Sequence | None = None,
        *,
        key: Key | None = None,
    ) -> PyTree:
        """Returns what it keeps of a question."""

    @abc.abstractmethod
    def parallel(
        self, memory: PyTree, tokens: Int[Array, " answers"]
    ) -> Float[Array, "answers outputs"]:
        """Returns the logits after each of the tokens; none depends on a later one."""

    @property
    def nothing_said(self) -> Said:
        """The state before the first class."""
        longest = answers_of(self).longest
        return Said(jnp.zeros(longest, jnp.int32), jnp.array(0))

    def encode(self, sequence, context=None, *, key=None):
        return self.remember(sequence, context, key=key), self.nothing_said

    def step(self, memory, state, token):
        tokens = state.tokens.at[state.count].set(token)
        logits = self.parallel(memory, tokens)[state.count]
        return Said(tokens, state.count + 1), logits

    def steps(self, memory, state, tokens):
        del state  # nothing was said before
        return self.parallel(memory, tokens)
