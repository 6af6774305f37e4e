"""A metric under test: made-up answers of every kind that it judges."""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core.faults import EntrantProblem, blaming, place_of, require_sound, told
from ..core.registry import Entry
from ..core.types import Classes, Example, Labels, Outputs, Sequence, Values
from ..metrics import METRICS, AbstractMetric, Mean
from ..training.losses import Loss
from ..training.objective import Judged, Objective
from .quick import quick_jit


ROWS, TIME = 24, 3

KINDS = {Classes: Classes(3), Labels: Labels(3), Values: Values(2)}
"""The kinds of outputs, each in a size of its own."""


@dataclass(frozen=True)
class Drawn:
    """Answers, targets and which of them count, with leading axes of rows and steps."""

    answers: np.ndarray
    targets: np.ndarray
    counts: np.ndarray

    def rows(self, places: np.ndarray) -> "Drawn":
        """Returns some rows, in this order."""
        return Drawn(self.answers[places], self.targets[places], self.counts[places])


def draw(outputs: Outputs, seed: int = 0) -> Drawn:
    """Returns answers with many ties, some of which do not count; a row has none."""
    rng = np.random.default_rng(seed)
    shape = (ROWS, TIME, outputs.size)
    answers = rng.integers(-3, 4, shape).astype(np.float32)
    if isinstance(outputs, Classes):
        targets = rng.integers(outputs.size, size=shape[:2]).astype(np.int32)
    elif isinstance(outputs, Labels):
        targets = rng.random(shape) < 0.5
    else:
        targets = rng.standard_normal(shape).astype(np.float32)
    counts = rng.random(shape[:2]) < 0.7
    counts[0], counts[1, 0] = False, True
    return Drawn(answers, targets, counts)


class MetricCase:
    """A registered metric, ready to be held to the laws.

    Raises:
        UnknownName: no metric carries the name.
    """

    def __init__(self, name: str):
        self.name = name
        self.entry: Entry = METRICS[name]

    @cached_property
    def kinds(self) -> list[Outputs]:
        """The outputs that it says it judges."""
        judged = cast(type[AbstractMetric], self.entry.make).judges
        return [size for kind, size in KINDS.items() if kind in judged]

    def require_sound(self) -> None:
        """Returns if the metric can be made and asked, as traced.

        Raises:
            EntrantProblem: it cannot; with file and line.
        """
        make = self.entry.make
        if not (isinstance(make, type) and issubclass(make, AbstractMetric)):
            raise EntrantProblem(
                f"{place_of(make)}is registered as a metric, but is not an "
                "AbstractMetric"
            )
        judges = getattr(make, "judges", None)
        if not (isinstance(judges, tuple) and judges and {*judges} <= {*KINDS}):
            raise EntrantProblem(
                f"{place_of(make)}needs `judges`, a tuple of nnarena.Classes, Labels "
                f"or Values, but it is {judges}"
            )
        for outputs in self.kinds:
            drawn, metric = draw(outputs), self.metric(outputs)
            given = (drawn.answers[0], drawn.targets[0], drawn.counts[0])
            with blaming(make, "statistics", f"of {TIME} answers that are {outputs}"):
                statistics = eqx.filter_eval_shape(metric.statistics, *given)
            if metric.collects:
                statistics = jax.tree.map(_with_rows, statistics)
            with blaming(make, "score", f"given {told(statistics)}"):
                score = eqx.filter_eval_shape(metric.score, statistics)
            require_sound(
                isinstance(score, Mean) and _is_mean(score),
                make,
                "score",
                f"returned {told(score)}, but expected is an nnarena.Mean of a total "
                "and a weight, each one real number",
            )

    def metric(self, outputs: Outputs) -> AbstractMetric:
        """Returns the metric of such outputs."""
        with blaming(self.entry.make, "__init__", f"for answers that are {outputs}"):
            return self.entry.make(outputs)

    def score(self, outputs: Outputs, drawn: Drawn) -> Mean:
        """Returns the score of a split, by the way that a run takes."""
        objective = Objective(Loss(outputs), self.metric(outputs), "every step")
        parts = map(jnp.asarray, (drawn.answers, drawn.targets, drawn.counts))
        return _score(objective, *parts)


@quick_jit
def _score(objective: Objective, answers: Array, targets: Array, counts: Array) -> Mean:
    def one(answers: Array, targets: Array, counts: Array) -> Judged:
        example = Example(Sequence(jnp.zeros((TIME, 1))), targets, counts)
        return objective.judge(answers, example)

    return objective.tally(jax.vmap(one)(answers, targets, counts)).score


def _with_rows(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((ROWS, *leaf.shape), leaf.dtype)


def _is_mean(score: Mean) -> bool:
    return all(
        getattr(part, "shape", None) == () and jnp.issubdtype(part.dtype, jnp.floating)
        for part in (score.total, score.weight)
    )
