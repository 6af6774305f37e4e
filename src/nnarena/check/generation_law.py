"""The law of generated answers: fed its own, forced equals free, and none is peeked."""

from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..core.types import Sequence
from ..models.decoder import AbstractDecoder
from .laws import require
from .model_case import GENERATED, LENGTH, ModelCase, draw_inputs, words_for
from .quick import quick_jit


QUESTIONS, PADDING = 8, 4

TOLERANCE = 1e-5


class Heard(eqx.Module):
    """What a decoder says by itself, forced to say the same, and to padded questions.

    `counts` are the answers up to the first `stop`.
    """

    free: Float[Array, "*questions answers outputs"]
    forced: Float[Array, "*questions answers outputs"]
    padded: Float[Array, "*questions answers outputs"]
    counts: Bool[Array, "*questions answers"]


def check_generation(case: ModelCase) -> None:
    """Returns if a decoder says alike free, forced and asked by padded questions.

    Forced, it may use the right classes before each, and no other: a likelihood would
    be that of an answer that it was shown. A run tries the same before it starts.

    Raises:
        LawBroken: it does not.
        CannotPlay: it generates no answers.
    """
    model = cast(AbstractDecoder, case.model(GENERATED))
    xs, _ = draw_inputs(GENERATED, QUESTIONS, LENGTH + PADDING)
    heard = _hear(model, jnp.asarray(xs))
    wanted = (*GENERATED.answer_axes(LENGTH), GENERATED.outputs.size)
    require(
        heard.free.shape[1:] == wanted,
        f"{words_for(GENERATED)}: expected answers of shape {wanted}, but got "
        f"{heard.free.shape[1:]}",
    )
    for name, what in {
        "forced": "fed with its own answers",
        "padded": f"to a question padded with {PADDING} steps",
    }.items():
        gaps = np.abs(np.asarray(getattr(heard, name) - heard.free))
        distance = float(gaps[np.asarray(heard.counts)].max())
        require(
            distance <= TOLERANCE * max(1.0, float(np.abs(heard.forced).max())),
            f"{words_for(GENERATED)}: expected the same answers {what}, but they "
            f"differ by {distance:.2g}",
        )
    cut = case.first_peek(GENERATED)
    require(
        cut is None,
        f"{words_for(GENERATED)}: expected a forced answer to use the right classes "
        f"before it alone, but other right classes from {(cut or 1) - 1} on changed an "
        "answer at or before that place",
    )


@quick_jit
def _hear(model: AbstractDecoder, xs: Array) -> Heard:
    answers = GENERATED.generated
    assert answers is not None

    def one(x: Array) -> Heard:
        question = Sequence(x[:LENGTH])
        free = model(question)
        said = jnp.argmax(free, axis=-1)
        padded = Sequence(x, present=jnp.arange(LENGTH + PADDING) < LENGTH)
        forced = model.forced(said, question)
        return Heard(free, forced, model(padded), answers.until_stop(said))

    return jax.vmap(one)(xs)
