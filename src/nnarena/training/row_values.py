"""What the rows of a user's task hold, read once before anything is trained.

Shapes are held to the signature by tracing (`nnarena.tasks.inspection`). Numbers that
are not finite, and a split on which the metric does not exist, would end every run as
diverged, and the model would have the blame; tokens and classes that there are not are
read as others, and the score would say nothing.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from ..core.compiling import RUN_ONCE, jit
from ..core.faults import blaming, require_sound as require
from ..core.types import (
    Classes,
    Example,
    Features,
    Labels,
    Outputs,
    Sequence,
    Signature,
    Tokens,
)
from ..metrics import AbstractMean
from ..metrics.base import merged
from ..nn.sentences import cut
from ..tasks.base import AbstractTask, Rows, Splits
from .objective import objective_of


AT_ONCE = 256
"""Rows that become examples at a time."""

PARTS = ("train", "validation", "test")


class Broken(NamedTuple):
    """What an example holds that no model can help, and whether nothing is judged."""

    inputs: Bool[Array, "*rows"]
    tokens: Bool[Array, "*rows"]
    times: Bool[Array, "*rows"]
    order: Bool[Array, "*rows"]
    present: Bool[Array, "*rows"]
    targets: Bool[Array, "*rows"]
    classes: Bool[Array, "*rows"]
    support: Bool[Array, "*rows"]
    unjudged: Bool[Array, "*rows"]


TOLD = {
    "inputs": "inputs that are not finite",
    "tokens": "tokens that are not among those of its signature",
    "times": "elapsed times that are not finite",
    "order": "elapsed times below 0",
    "present": "a step that is there after one that is not, or no step at all,",
    "targets": "targets that are not finite",
    "classes": "classes that are not among those of its signature",
    "support": "a `support` that names sentences which its story does not have",
}
"""What is said of an example that has it; one of which nothing is judged is sound."""


def require_values(task: AbstractTask, splits: Splits) -> None:
    """Returns if all rows hold what their signature says, and answers to be scored.

    Rows that are drawn in training are not looked at: those held out are drawn alike.

    Raises:
        EntrantProblem: they do not; names the first split that is wrong.
    """
    make = type(task)
    parts = {part: getattr(splits, part) for part in PARTS}
    parts = {part: rows for part, rows in parts.items() if rows is not None}
    sizes = {part: jax.tree.leaves(rows)[0].shape[0] for part, rows in parts.items()}
    with blaming(make, "example", "given its rows"):
        found = _broken(task, *parts.values())
    ends = np.cumsum([*sizes.values()])[:-1]

    def by_part(name: str) -> dict[str, np.ndarray]:
        flags = np.asarray(getattr(found, name))
        return dict(zip(parts, np.split(flags, ends), strict=True))

    for name, told in TOLD.items():
        for part, broken in by_part(name).items():
            require(
                not broken.any(),
                make,
                "example",
                f"gave {told} in {broken.sum():,} of {broken.size:,} examples of its "
                f"{part} split, the first at row {np.argmax(broken)}",
            )
    for part, unjudged in by_part("unjudged").items():
        require(
            not unjudged.all(),
            make,
            "example",
            f"gave no answer that counts in any of the {unjudged.size:,} examples of "
            f"its {part} split",
        )
    _require_scores(task, parts)


def _broken(task: AbstractTask, *parts: Rows) -> Broken:
    """Returns what is wrong in each row of some splits, one after another."""
    signature = task.signature

    def of_rows(*parts: Rows) -> Broken:
        rows = jax.tree.map(lambda *columns: jnp.concatenate(columns), *parts)
        return jax.lax.map(
            lambda row: _of_example(task.example(row), signature),
            rows,
            batch_size=AT_ONCE,
        )

    return jit(of_rows, RUN_ONCE)(*parts)


def _of_example(example: Example, signature: Signature) -> Broken:
    read = example.asked
    kinds = (signature.inputs, signature.context)[: len(read)]
    counts = example.judged(signature.answers)
    outside = _outside(example.targets, signature.outputs)
    return Broken(
        inputs=_any([~jnp.isfinite(one.xs) for one in read]),
        tokens=_any(
            [_outside(one.xs, kind) for one, kind in zip(read, kinds, strict=True)]
        ),
        times=_any([~jnp.isfinite(one.dts) for one in read]),
        order=_any([one.dts < 0.0 for one in read]),
        present=_any([_no_prefix(one) for one in read]),
        targets=_any([~jnp.isfinite(example.targets)]),
        classes=_any([outside & counts]),
        support=_any([no_sentence(example, signature)]),
        unjudged=~jnp.any(counts),
    )


def _outside(values: Array, kind: Tokens | Features | Outputs | None) -> Array:
    """Returns which values are not tokens, or classes, of a kind that has a size."""
    if not isinstance(kind, Tokens | Classes):
        return jnp.zeros((), bool)
    return (values < 0) | (values >= kind.size)


def no_sentence(example: Example, signature: Signature) -> Bool[Array, "*facts"]:
    """Returns which of the sentences named are not there, and are not -1, for none."""
    sentences = getattr(signature.context, "sentences", None)
    story, named = example.context, example.support
    if not signature.facts or sentences is None or story is None or named is None:
        return jnp.zeros((), bool)
    return (named < -1) | (named >= cut(story.xs, story.there, sentences).total)


def _no_prefix(sequence: Sequence) -> Bool[Array, ""]:
    """Returns whether the steps that are there are not the first so many, or none."""
    present = sequence.present
    if present is None:
        return jnp.zeros((), bool)
    return ~present[0] | jnp.any(present[1:] & ~present[:-1])


def _any(flags: list[Array]) -> Bool[Array, ""]:
    return jnp.any(jnp.stack([jnp.any(flag) for flag in flags]))


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
