"""The law of contexts: a story is read whole, its padding left out, then a question."""

import jax.numpy as jnp
import numpy as np

from ..core.types import Sequence
from .laws import require
from .model_case import CONTEXT, ModelCase, draw_inputs, words_for


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
    model = case.model(CONTEXT)
    named = words_for(CONTEXT)
    asked, padded = _asked(seed=0), _asked(seed=0, padding=PADDING)
    whole = case.answer_to(CONTEXT, *asked)
    limit = TOLERANCE * max(1.0, float(np.abs(whole).max()))
    require(
        whole.shape == (QUESTION, CONTEXT.outputs.size),
        f"{named}: expected an answer to every step of the question, shape "
        f"{(QUESTION, CONTEXT.outputs.size)}, but got {whole.shape}",
    )
    distance = np.abs(case.answer_to(CONTEXT, *padded)[:QUESTION] - whole).max()
    require(
        distance <= limit,
        f"{named}: expected the same answers where story and question are padded with "
        f"{PADDING} steps each, but they differ by {distance:.2g}",
    )
    if model.causal:
        later = asked[0].with_xs(asked[0].xs.at[1:].set(0))
        change = np.abs(case.answer_to(CONTEXT, later, asked[1])[0] - whole[0]).max()
        require(
            change <= limit,
            f"{named}: declared causal, but a change of the question from step 1 on "
            "changed the answer before it",
        )


def _asked(*, seed: int, padding: int = 0) -> tuple[Sequence, Sequence]:
    """Returns a question and its story, with noise after each."""
    return (
        _steps(QUESTION, padding, seed=2 * seed),
        _steps(STORY, padding, seed=2 * seed + 1),
    )


def _steps(count: int, padding: int, *, seed: int) -> Sequence:
    xs, dts = draw_inputs(CONTEXT, count, seed=seed)
    if not padding:
        return Sequence(jnp.asarray(xs), jnp.asarray(dts))
    noise, _ = draw_inputs(CONTEXT, padding, seed=seed + 100)
    present = jnp.arange(count + padding) < count
    return Sequence(jnp.concatenate([xs, noise]), jnp.ones(count + padding), present)
