"""The one loop over generated answers: fed the right classes, or its own.

    forced   start a b c    ->  logits of a b c stop      as in training
    free     start          ->  a, a -> b, b -> c, ...    as in use, until `stop`

A decoder is anything with `step` and `steps` (`nnarena.models.base.AbstractDecoder`);
`memory` and `state` are what it made of the question.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ..core.types import Generated, State
from .unroll import checkpointed


SURE = 1e4
"""The logit of an answer without doubt."""

Logits = Float[Array, "answers outputs"]


def forced(
    decoder: Any,
    answers: Generated,
    targets: Int[Array, " answers"],
    memory: PyTree,
    state: State,
) -> Logits:
    """Returns the logits of each class of an answer, given the right ones before it.

    What a target has after its `stop` changes no logits up to it.
    """
    return decoder.steps(memory, state, fed(answers, targets))


def fed(answers: Generated, said: Int[Array, " answers"]) -> Int[Array, " answers"]:
    """Returns what a decoder is fed for each class that it says: the one before."""
    first = jnp.array([answers.start], said.dtype)
    return jnp.concatenate([first, said[:-1]])


def free(decoder: Any, answers: Generated, memory: PyTree, state: State) -> Logits:
    """Returns the logits of each class, the likeliest of which is fed to the next.

    Of equally likely ones the first. After `stop` nothing is said.
    """

    def step(found, _):
        state, token = found
        state, logits = decoder.step(memory, state, token)
        return (state, jnp.argmax(logits).astype(token.dtype)), logits

    start = state, jnp.array(answers.start, jnp.int32)
    return ended(jax.lax.scan(step, start, length=answers.longest)[1], answers)


def ended(logits: Logits, answers: Generated) -> Logits:
    """Returns the logits of an answer that ends at its first `stop`.

    What stands there after it is surely `start`, which is never right.
    """
    said = answers.until_stop(jnp.argmax(logits, axis=-1))
    silence = SURE * jax.nn.one_hot(answers.start, logits.shape[1], dtype=logits.dtype)
    return jnp.where(said[:, None], logits, silence[None])


def one_by_one(
    decoder: Any, memory: PyTree, state: State, tokens: Int[Array, " answers"]
) -> Logits:
    """Returns the logits after each of the tokens, by the decoder's own steps."""

    def step(state, token):
        return decoder.step(memory, state, token)

    return jax.lax.scan(checkpointed(step, "none"), state, tokens)[1]
