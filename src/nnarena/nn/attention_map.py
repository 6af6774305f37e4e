"""Where a model looked: how much each place weighed for whatever looked there."""

from typing import Literal

import equinox as eqx
from jaxtyping import Array, Float


Axis = Literal[
    "answers",
    "steps",
    "question",
    "context",
    "sentences",
    "said",
    "stop",
    "hops",
    "input",
    "slots",
]
"""What the rows or columns of a map are.

    answers    those of the model: one, one per step of the question, or those it says
    steps      all that was read: of the context, then of the question
    question   the steps of the question alone
    context    the steps of the context, the last so many
    sentences  those of the context, the last so many
    said       the classes that a decoder was fed: the start, then what it said
    stop       what a pointer points at to end its answer
    hops       one look after another
    input      what the step itself reads
    slots      words of a memory
"""


class AttentionMap(eqx.Module):
    """How much each place weighed: a row for whatever looked, a column per place.

    Weights are at least 0; those of a row sum to 1 where they are those of a softmax.
    What is absent, as padding, has columns of exactly 0, and rows that mean nothing; so
    do rows of answers after a `stop`. `places` are several where they are of several
    types, side by side.
    """

    weights: Float[Array, "rows places"]
    rows: Axis = eqx.field(static=True)
    places: tuple[Axis, ...] = eqx.field(static=True)


Maps = dict[str, AttentionMap]
"""Maps by name."""


def by_head(
    name: str,
    weights: Float[Array, "heads rows places"] | None,
    rows: Axis,
    *places: Axis,
) -> Maps:
    """Returns a map per head; none of what has no weights to show."""
    if weights is None:
        return {}
    names = [name]
    if len(weights) > 1:
        names = [f"{name}, head {head + 1}" for head in range(len(weights))]
    return {
        own: AttentionMap(of_head, rows, places)
        for own, of_head in zip(names, weights, strict=True)
    }
