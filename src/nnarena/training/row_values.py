"""What the rows of somebody's task hold, read once before anything is trained.

Shapes are held to the signature by tracing (`nnarena.tasks.inspection`). Numbers that
are not finite, and a split on which the metric does not exist, would end every run as
diverged, and the model would have the blame.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from ..core.compiling import RUN_ONCE, jit
from ..core.faults import blaming, require_sound as require
from ..core.types import Classes, Example, Labels, Outputs
from ..metrics import AbstractMean
from ..metrics.base import merged
from ..tasks.base import AbstractTask, Rows, Splits
from .objective import objective_of


AT_ONCE = 256
"""Rows that become examples at a time."""

PARTS = ("train", "validation", "test")


class Broken(NamedTuple):
    """Whether parts of an example hold a number that is not finite."""

    inputs: Bool[Array, "*rows"]
    times: Bool[Array, "*rows"]
    targets: Bool[Array, "*rows"]


NAMES = Broken("inputs", "elapsed times", "targets")  # pyright: ignore


def require_values(task: AbstractTask, splits: Splits) -> None:
    """Returns if all rows hold finite numbers, and answers that can be scored.

    Rows that are drawn in training are not looked at: those held out are drawn alike.

    Raises:
        EntrantProblem: they do not; the first split that is wrong is told.
    """
    make = type(task)
    parts = {part: getattr(splits, part) for part in PARTS}
    parts = {part: rows for part, rows in parts.items() if rows is not None}
    sizes = {part: jax.tree.leaves(rows)[0].shape[0] for part, rows in parts.items()}
    with blaming(make, "example", "given its rows"):
        found = _broken(task, *parts.values())
    ends = np.cumsum([*sizes.values()])[:-1]
    for name, flags in zip(NAMES, found, strict=True):
        for part, broken in zip(parts, np.split(np.asarray(flags), ends), strict=True):
            require(
                not broken.any(),
                make,
                "example",
                f"gave {name} that are not finite in {broken.sum():,} of "
                f"{broken.size:,} examples of its {part} split, the first at row "
                f"{np.argmax(broken)}",
            )
    _require_scores(task, parts)


def _broken(task: AbstractTask, *parts: Rows) -> Broken:
    """Returns what is not finite in each row of some splits, one after another."""

    def of_rows(*parts: Rows) -> Broken:
        rows = jax.tree.map(lambda *columns: jnp.concatenate(columns), *parts)
        return jax.lax.map(
            lambda row: _of_example(task.example(row)), rows, batch_size=AT_ONCE
        )

    return jit(of_rows, RUN_ONCE)(*parts)


def _of_example(example: Example) -> Broken:
    read = example.asked
    return Broken(
        _any_broken([sequence.xs for sequence in read]),
        _any_broken([sequence.dts for sequence in read]),
        _any_broken([example.targets]),
    )


def _any_broken(arrays: list[Array]) -> Bool[Array, ""]:
    return ~jnp.all(jnp.stack([jnp.all(jnp.isfinite(array)) for array in arrays]))


def _require_scores(task: AbstractTask, parts: dict[str, Rows]) -> None:
    """Returns if the metric exists on the splits that are scored.

    A mean over answers does; others are asked for the score of the right answers.
    """
    objective = objective_of(task)
    if isinstance(objective.metric, AbstractMean):
        return
    for part in ("validation", "test"):
        weight, seen = _judged_right(task, parts[part])
        require(
            weight > 0,
            type(task),
            "splits",
            f"gave a {part} split that {task.scoring.metric} cannot score: "
            f"{_why(task.signature.outputs, np.asarray(seen))}; hold out rows that "
            "have what it compares, or name another metric",
        )


def _judged_right(task: AbstractTask, rows: Rows) -> tuple[Array, Int[Array, " each"]]:
    """Returns the weight of the score of right answers, and how often each is right."""
    objective, outputs = objective_of(task), task.signature.outputs

    def of_row(row: Any) -> tuple[Any, Array]:
        example = task.example(row)
        counts = example.judged(task.signature.answers)
        right = _right(outputs, example.targets)
        judged = objective.metric.statistics(right, example.targets, counts)
        true = (right > 0) & counts[..., None]
        return judged, jnp.sum(true.reshape(-1, outputs.size), axis=0)

    def of_rows(rows: Rows) -> tuple[Array, Array]:
        judged, true = jax.lax.map(of_row, rows, batch_size=AT_ONCE)
        score = objective.metric.score(merged(objective.metric, judged))
        return score.weight, jnp.sum(true, axis=0)

    return jit(of_rows, RUN_ONCE)(rows)


def _right(outputs: Outputs, targets: Array) -> Array:
    """Returns answers that are right, and sure of it."""
    if isinstance(outputs, Classes):
        return 2.0 * jax.nn.one_hot(targets, outputs.size) - 1.0
    if isinstance(outputs, Labels):
        return jnp.where(targets.astype(bool), 1.0, -1.0)
    return targets


def _why(outputs: Outputs, seen: np.ndarray) -> str:
    """Returns what a split lacks, from how often each class or label is right in it."""
    if not seen.any() and not isinstance(outputs, Labels):
        return "none of its answers is judged"
    if isinstance(outputs, Classes) and np.count_nonzero(seen) == 1:
        return f"all of its answers are class {np.argmax(seen)}"
    if isinstance(outputs, Labels):
        return "none of its labels is true of some answers and false of others"
    return "there is nothing in its answers that the metric compares"
