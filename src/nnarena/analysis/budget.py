"""How near the contenders came to the number of parameters that was asked for."""

import math
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Budget:
    """The largest share by which parameters miss their budget, and of how many runs.

    `stated` of all `runs` say what was asked for; `asked` are the budgets, the least
    first.
    """

    largest: float
    stated: int
    runs: int
    asked: tuple[int, ...] = ()

    @property
    def sentence(self) -> str:
        """How near the budgets were met, in words."""
        said = f"Parameters are within {percent(self.largest)} of the budget"
        if len(self.asked) > 1:
            listed = ", ".join(f"{asked:,}" for asked in self.asked)
            said = f"Budgets differ ({listed}). {said} that was asked for"
        if self.stated == self.runs:
            return f"{said}."
        return f"{said} in the {self.stated:,} of {self.runs:,} runs that state one."


def deviation(parameters: int | float, asked: int | float) -> float:
    """Returns by what share parameters exceed a budget; negative: they are fewer."""
    return parameters / asked - 1.0


def percent(share: float) -> str:
    """Returns a deviation in percent to one decimal, rounded up to be "within" it."""
    return f"{math.ceil(round(1e3 * share, 6)) / 10:.1f} %"


def budget_of(frame: pd.DataFrame) -> Budget | None:
    """Returns how near the runs of a table came; None where no run states a budget."""
    stated = frame.dropna(subset=["parameters", "asked_parameters"])
    if stated.empty:
        return None
    pairs = zip(stated["parameters"], stated["asked_parameters"], strict=True)
    largest = max(abs(deviation(own, asked)) for own, asked in pairs)
    asked = tuple(sorted({int(own) for own in stated["asked_parameters"]}))
    return Budget(largest, len(stated), len(frame), asked)
