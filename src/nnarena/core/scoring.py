"""How to read a task's score; imports nothing heavy, so that reports can.

A task says by which metric it is scored and how to read it, and its records say so
too: they stay readable where the metric is no longer registered.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_serializer,
    model_validator,
)

from .numbers import Finite, Word


LossName = Literal["cross-entropy", "squared error", "absolute error"]

Weight = Annotated[float, Field(gt=0, le=1e45, allow_inf_nan=False)]


RISING = frozenset({"macro F1", "AUROC", "average precision"})
"""Metrics that are not a share of right answers and yet lie between 0 and 1."""


class Scoring(BaseModel):
    """The direction and the landmarks of a task's metric, and what training lowers.

    `metric` is a name of the registry `METRICS`. `chance` is the score of the best
    answer that ignores the input or, where the task asks how its inputs go on, of the
    answer that nothing changes; `best` is that of a perfect answer, `solved` the bar at
    which the task counts as solved. `share` says that the score is a mean over examples
    of shares of right answers, of which the test set's own error is known. `seen` says
    that every example of the test split is one of training too: there are no others, so
    that the score tells what can be learned, and there is no such error.

    `loss` is what training lowers, by default the cross-entropy of classes and labels
    and the squared error of values. `class_weights` weight the answers of a class (its
    mean is one over weights), or the positives of a label, in the loss. They never
    touch the metric.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: Word
    higher_is_better: bool
    chance: Finite
    best: Finite
    solved: Finite
    share: bool = False
    seen: bool = False
    loss: LossName | None = None
    class_weights: tuple[Weight, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_older_records(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("metric") == "accuracy":
            return {"share": True, **content}
        return content

    @model_validator(mode="after")
    def _is_a_scale(self) -> "Scoring":
        if self.chance == self.best:
            raise ValueError("a blind answer and a perfect one have the same score")
        return self

    @model_serializer(mode="wrap")
    def _without_defaults(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        """A record holds what is usual without its name, as it always did."""
        usual = {
            "share": self.metric == "accuracy",
            "seen": False,
            "loss": None,
            "class_weights": None,
        }
        found = write(self)
        return {k: v for k, v in found.items() if k not in usual or v != usual[k]}

    def normalized(self, score: float) -> float:
        """Returns the score on the scale where a blind answer has 0, a perfect one 1.

        Not clipped: worse than blind is negative.
        """
        return (score - self.chance) / (self.best - self.chance)

    @property
    def worst(self) -> float | None:
        """The score below which no answer can fall; None where that is not known.

        It is 0 of what lies between 0 and 1. An error has no end, and of a metric from
        elsewhere only its author knows.
        """
        return 0.0 if self.share or self.metric in RISING else None

    def is_solved(self, score: float) -> bool:
        """Returns whether the score reaches the task's bar."""
        return score >= self.solved if self.higher_is_better else score <= self.solved


def accuracy(*, chance: float, solved: float = 0.9, **training: Any) -> Scoring:
    """Scoring by the share of right answers, of classes or of labels.

    `training` is `seen`, `loss` or `class_weights` of `Scoring`, here and below.
    """
    return _share("accuracy", chance, solved, training)


def exact_match(*, chance: float, solved: float = 0.9, **training: Any) -> Scoring:
    """Scoring by the share of examples whose answers are all right."""
    return _share("exact match", chance, solved, training)


def macro_f1(*, chance: float, solved: float = 0.9, **training: Any) -> Scoring:
    """Scoring by the F1 of each class or label, and their mean.

    Of k classes the best answers without looking are drawn in the classes' shares, and
    score 1/k.
    """
    return _rising("macro F1", chance, solved, training)


def auroc(*, chance: float = 0.5, solved: float = 0.9, **training: Any) -> Scoring:
    """Scoring by the area under the receiver operating characteristic."""
    return _rising("AUROC", chance, solved, training)


def average_precision(
    *, chance: float, solved: float = 0.9, **training: Any
) -> Scoring:
    """Scoring by the average precision, whose chance is the share of positives."""
    return _rising("average precision", chance, solved, training)


def mean_squared_error(*, chance: float, solved: float, **training: Any) -> Scoring:
    """Scoring by the mean squared error."""
    return _error("mean squared error", chance, solved, training)


def mean_absolute_error(*, chance: float, solved: float, **training: Any) -> Scoring:
    """Scoring by the mean absolute error, of which the median is the blind answer."""
    return _error("mean absolute error", chance, solved, training)


def negative_log_likelihood(
    *, chance: float, solved: float, unit: Literal["nats", "bits"], **training: Any
) -> Scoring:
    """Scoring by the negative log-likelihood of the right answers."""
    return _error(f"negative log-likelihood in {unit}", chance, solved, training)


def wrong_bits(*, chance: float, solved: float, **training: Any) -> Scoring:
    """Scoring by the number of wrong labels of a whole example."""
    return _error("wrong bits per sequence", chance, solved, training)


def inverse_frequencies(counts: Sequence[int]) -> tuple[float, ...]:
    """Returns class weights that let every class weigh as much as any other.

    A class of n out of N examples in k classes weighs N / (k n).

    Args:
        counts: how many examples each class has; none may have none.

    Raises:
        ValueError: a class has none.
    """
    if not counts or min(counts) < 1:
        raise ValueError(f"a class without examples has no weight: {list(counts)}")
    return tuple(sum(counts) / (len(counts) * count) for count in counts)


def _share(
    metric: str, chance: float, solved: float, training: dict[str, Any]
) -> Scoring:
    return _rising(metric, chance, solved, {"share": True, **training})


def _rising(
    metric: str, chance: float, solved: float, others: dict[str, Any]
) -> Scoring:
    return Scoring(
        metric=metric,
        higher_is_better=True,
        chance=chance,
        best=1.0,
        solved=solved,
        **others,
    )


def _error(
    metric: str, chance: float, solved: float, others: dict[str, Any]
) -> Scoring:
    return Scoring(
        metric=metric,
        higher_is_better=False,
        chance=chance,
        best=0.0,
        solved=solved,
        **others,
    )
