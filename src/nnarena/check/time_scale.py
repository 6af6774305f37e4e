"""The law of time: the gaps between steps are near 1 in the mean."""

import jax
import numpy as np

from .laws import Law, require
from .task_case import FEW, TaskCase, make_examples, spread


LEAST, MOST = 0.5, 2.0
"""Mean gaps between these are near enough to 1."""


def _check_mean_gap(case: TaskCase) -> None:
    train, validation = case.splits.train, case.splits.validation
    rows = spread(validation if train is None else train, FEW)
    examples = jax.tree.map(np.asarray, make_examples(case.task, rows))
    for steps, where in ((examples.question, ""), (examples.context, " of a context")):
        if steps is None:
            continue
        there = True if steps.present is None else steps.present
        mean = float(steps.dts.mean(dtype=float, where=there))
        require(
            LEAST <= mean <= MOST,
            f"expected a mean gap between steps{where} of {LEAST} to {MOST}, as time "
            f"constants of contenders start near 1, but it is {mean:.3g}; divide "
            "elapsed times by the mean gap of the training rows "
            "(`nnarena.with_unit_gaps`)",
        )


TIME_SCALE = Law("time", "The mean gap between steps is near 1.", _check_mean_gap)
