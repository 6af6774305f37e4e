"""The law of folds: many steps at once do what they do one after another."""

import jax.numpy as jnp
import numpy as np

from ..core.types import Sequence
from ..models.base import AbstractFold
from ..models.sequence import Recurrent, SequenceModel
from ..nn.fold import Form, unroll_fold
from .laws import NotJudged, require
from .model_case import EVERY_STEP, ModelCase, draw_inputs
from .quick import quick_jit


STEPS = 11
"""Enough for halves and chunks that do not come out even."""

TOLERANCE = 1e-4

PARALLEL: tuple[Form, ...] = ("associative", "chunked")


def check_fold(case: ModelCase) -> None:
    """Returns if every form of a fold has the outputs of its steps.

    A CPU takes the steps, an accelerator many at once: a fold whose elements do not
    combine to what they do in turn is one model here and another one there.

    Raises:
        LawBroken: a form has others.
        NotJudged: it is not a fold.
    """
    model = case.model(EVERY_STEP[0])
    layer = model.layers[0] if isinstance(model, SequenceModel) else None
    cell = layer.cell if isinstance(layer, Recurrent) else None
    if not (isinstance(model, SequenceModel) and isinstance(cell, AbstractFold)):
        raise NotJudged("it is not an AbstractFold: its steps are taken in turn")
    xs, _ = draw_inputs(EVERY_STEP[0], STEPS)
    dts = np.random.default_rng(1).uniform(0.2, 2.0, STEPS).astype(np.float32)
    steps = Sequence(model.embedded(jnp.asarray(xs)), jnp.asarray(dts))
    in_turn = np.asarray(_outputs(cell, steps, "scan"))
    for form in PARALLEL:
        gap = np.abs(np.asarray(_outputs(cell, steps, form)) - in_turn).max()
        require(
            gap <= TOLERANCE * max(1.0, np.abs(in_turn).max()),
            "expected steps that are combined to do what they do in turn, but the "
            f"outputs of the {form} form differ by {gap:.2g}: "
            "act(act(s, e), f) has to be act(s, combine(e, f)), and combine "
            "associative",
        )


@quick_jit
def _outputs(cell: AbstractFold, steps: Sequence, form: Form):
    return unroll_fold(cell, steps, form=form).hs
