"""The law of contexts: a story is read whole, its padding left out, then a question."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from ..core.types import Sequence, Signature
from ..models.contender import Contender
from .laws import require
from .model_case import (
    CONTEXT,
    GENERATED_IN_CONTEXT,
    SUPPORTED,
    ModelCase,
    draw_inputs,
    words_for,
)


STORY, QUESTION, PADDING = 7, 5, 3
"""Steps of a story, of its question, and of the noise after each."""

TOLERANCE = 1e-5


def check_context(case: ModelCase) -> None:
    """Returns if padding of story and question changes no answer, and neither leaks.

    Of a causal model an answer sees the whole story, but no later step of its question.

    Raises:
        LawBroken: one of them does.
        CannotPlay: the model reads no context.
    """
    signature = _way(case.contender)
    model, named = case.model(signature), words_for(signature)
    asked, padded = _asked(padding=0), _asked(padding=PADDING)
    whole = case.answer_to(signature, *asked)
    limit = TOLERANCE * max(1.0, float(np.abs(whole).max()))
    wanted = (*signature.answer_axes(QUESTION), signature.outputs.size)
    require(
        whole.shape == wanted,
        f"{named}: expected the answers to a question alone, shape {wanted}, but got "
        f"{whole.shape}",
    )
    change = np.abs(case.answer_to(signature, *padded)[: len(whole)] - whole).max()
    require(
        change <= limit,
        f"{named}: expected the same answers where story and question are padded with "
        f"{PADDING} steps each, but they differ by {change:.2g}",
    )
    if model.causal and signature.answers == "every step":
        later = asked[0].with_xs(asked[0].xs.at[1:].set(0))
        change = np.abs(case.answer_to(signature, later, asked[1])[0] - whole[0]).max()
        require(
            change <= limit,
            f"{named}: declared causal, but a change of the question from step 1 on "
            "changed the answer before it",
        )


def _way(contender: Contender) -> Signature:
    """Returns how a contender is asked: each step, or as it can be at all."""
    ways = CONTEXT, GENERATED_IN_CONTEXT, SUPPORTED
    able = (way for way in ways if contender.why_not(way) is None)
    # Of one that can do neither, the reason to show is the one of the way it plays.
    only_generates = contender.why_not(replace(CONTEXT, context=None)) is not None
    return next(able, GENERATED_IN_CONTEXT if only_generates else CONTEXT)


def _asked(*, padding: int) -> tuple[Sequence, Sequence]:
    """Returns a question and its story, with noise after each."""
    return _steps(QUESTION, padding, seed=0), _steps(STORY, padding, seed=1)


def _steps(count: int, padding: int, *, seed: int) -> Sequence:
    xs, dts = draw_inputs(CONTEXT, count, seed=seed)
    if not padding:
        return Sequence(jnp.asarray(xs), jnp.asarray(dts))
    noise, _ = draw_inputs(CONTEXT, padding, seed=seed + 100)
    present = jnp.arange(count + padding) < count
    return Sequence(jnp.concatenate([xs, noise]), jnp.ones(count + padding), present)
