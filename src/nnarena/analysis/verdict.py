"""What the top of a leaderboard means, in a sentence."""

from collections.abc import Sequence

from .pairs import FEW_SEEDS
from .standing import Standing


SURE, LIKELY = 0.975, 0.8
"""Probabilities from which a lead is called very likely, and likely."""


def verdict(
    standings: Sequence[Standing], probability: float | None, tasks: int
) -> str:
    """Returns whether the first contender is really ahead of the second.

    Args:
        standings: the contenders in order.
        probability: that the first is ahead of the second; None if it is unknown.
        tasks: how many tasks the leaderboard has.
    """
    first = standings[0]
    if first.overall is None:
        return "No run has a score yet, so nobody leads."
    if not first.complete:
        return (
            f"No contender has a score on all {tasks} tasks, so their overall scores "
            "cannot be compared."
        )
    if len(standings) == 1:
        return f"{first.contender} is alone: there is nobody to compare it with."
    second = standings[1]
    if not second.complete:
        return f"{first.contender} is the only contender with a score on every task."
    if probability is None:
        return (
            f"{_led(first, second)}, but with a single seed on some task merit cannot "
            "be told from chance."
        )
    seeds = min(first.seeds, second.seeds)
    return _weighed(first, second, probability) + _caution(probability, seeds)


def probability_text(probability: float) -> str:
    """Returns "P = 0.93", and no more certainty than a bootstrap can give."""
    if probability > 0.99:
        return "P > 0.99"
    return "P < 0.01" if probability < 0.01 else f"P = {probability:.2f}"


def _led(first: Standing, second: Standing) -> str:
    if first.rank == second.rank:
        return f"{first.contender} and {second.contender} share the lead"
    return f"{first.contender} leads {second.contender}"


def _weighed(first: Standing, second: Standing, probability: float) -> str:
    stated = probability_text(probability)
    if probability < LIKELY:
        return (
            f"The runs cannot tell {first.contender} from {second.contender} ({stated})"
        )
    degree = "very likely" if probability >= SURE else "likely"
    return (
        f"{first.contender} leads; that it is ahead of {second.contender} is {degree} "
        f"({stated})"
    )


def _caution(probability: float, seeds: int) -> str:
    if seeds >= FEW_SEEDS:
        return "."
    if probability < LIKELY:
        return f"; {seeds} seeds per task are few to find a difference with."
    return f", but {seeds} seeds per task are too few to be sure."
