"""What the top of a leaderboard means, in a sentence."""

from collections.abc import Sequence

from .differences import Differences, why_untold
from .standing import Standing
from .words import listed, some


def verdict(standings: Sequence[Standing], differences: Differences, tasks: int) -> str:
    """Returns whom the first contender beats, and whom it cannot be told from.

    Args:
        standings: the contenders in order.
        differences: all pairs of them.
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
    others = [s.contender for s in standings[1:] if s.complete]
    if not others:
        return f"{first.contender} is the only contender with a score on every task."
    return _against(first.contender, others, differences)


def _against(first: str, others: Sequence[str], differences: Differences) -> str:
    pairs = [differences.of(first, other) for other in others]
    beaten = [pair.second for pair in pairs if pair.answer == "beats"]
    untold = [pair for pair in pairs if pair.answer != "beats"]
    family = f"({differences.family})"
    if not untold:
        every = "" if len(beaten) == 1 else "every other contender: "
        return f"{first} beats {every}{listed(beaten)} {family}."
    names = some([pair.second for pair in untold], "or")
    why = next(filter(None, map(why_untold, untold)), "")
    told = f"; {why}." if why else "."
    if beaten:
        return (
            f"{first} beats {some(beaten)}; the runs cannot tell it from {names} "
            f"{family}{told}"
        )
    return (
        f"The runs cannot tell {first}, which has the highest overall score, from "
        f"{names} {family}{told}"
    )
