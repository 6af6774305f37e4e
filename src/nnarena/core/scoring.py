"""How to read a task's score; imports nothing heavy, so that reports can."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from .numbers import Finite


class Scoring(BaseModel):
    """The direction and the landmarks of a task's metric.

    `chance` is the score of the best answer that ignores the input or, where the task
    asks how its inputs go on, of the answer that nothing changes; `best` is that of a
    perfect answer, `solved` the bar at which the task counts as solved.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: Literal["accuracy", "mean squared error"]
    higher_is_better: bool
    chance: Finite
    best: Finite
    solved: Finite

    @model_validator(mode="after")
    def _is_a_scale(self) -> "Scoring":
        if self.chance == self.best:
            raise ValueError("a blind answer and a perfect one have the same score")
        return self

    def normalized(self, score: float) -> float:
        """Returns the score on the scale where a blind answer has 0, a perfect one 1.

        Not clipped: worse than blind is negative.
        """
        return (score - self.chance) / (self.best - self.chance)

    def is_solved(self, score: float) -> bool:
        """Returns whether the score reaches the task's bar."""
        return score >= self.solved if self.higher_is_better else score <= self.solved


def accuracy(*, chance: float, solved: float = 0.9) -> Scoring:
    """Scoring by the share of right answers."""
    return Scoring(
        metric="accuracy", higher_is_better=True, chance=chance, best=1.0, solved=solved
    )


def mean_squared_error(*, chance: float, solved: float) -> Scoring:
    """Scoring by the mean squared error."""
    return Scoring(
        metric="mean squared error",
        higher_is_better=False,
        chance=chance,
        best=0.0,
        solved=solved,
    )
