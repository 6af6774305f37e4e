"""What builds a contender for its task, where a cell is scaled to the task's inputs."""

from collections.abc import Callable, Mapping

import jax
from jaxtyping import PyTree

from ..core.compiling import RUN_ONCE, jit
from ..models.calibration import calibrating, figures_of, is_calibrated
from ..tasks.base import Splits
from ..tasks.inspection import examples_of
from ..training.base import Build, with_weights
from .plan import Assembled


Figures = Callable[[PyTree], Mapping[str, jax.Array]]
"""Returns what trained weights say of themselves, by name."""

CALIBRATED_ON = 32
"""Examples of the validation split on whose questions a model is calibrated."""


def calibrated_for(
    assembled: Assembled, splits: Splits, shapes: PyTree, seeds: int | None
) -> tuple[Build, Figures]:
    """Returns what builds it for its task, and what tells of trained weights."""
    if not is_calibrated(shapes):
        return assembled.build, lambda arrays: {}
    examples = examples_of(assembled.task, splits, CALIBRATED_ON)

    def figures(arrays: PyTree) -> Mapping[str, jax.Array]:
        return figures_of(with_weights(assembled.build, arrays), examples)

    told = jit(figures if seeds is None else jax.vmap(figures), RUN_ONCE)
    return calibrating(assembled.build, examples), told
