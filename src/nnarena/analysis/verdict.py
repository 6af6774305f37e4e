"""What the top of a leaderboard means, in a sentence."""

from collections.abc import Sequence

from .differences import Difference, Differences, why_untold
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
    level = [s.contender for s in standings[1:] if s.rank == first.rank]
    pairs = [differences.of(first.contender, other) for other in others]
    told = _against(first.contender, level, pairs, f"({differences.family})")
    short = [s.contender for s in standings if not s.complete]
    if not short:
        return told
    lack = "lacks" if len(short) == 1 else "lack"
    return f"{told} Nothing is said of {some(short)}, which {lack} a task."


def _against(
    first: str, level: Sequence[str], pairs: Sequence[Difference], family: str
) -> str:
    """What the pairs of the first with all others say; `level` have its very score."""
    beaten = [pair.second for pair in pairs if pair.answer == "beats"]
    untold = [pair for pair in pairs if pair.answer != "beats"]
    if not untold:
        every = "" if len(beaten) == 1 else "every other contender: "
        return f"{first} beats {every}{listed(beaten)} {family}."
    names = some([pair.second for pair in untold], "or")
    why = _reasons(untold)
    if beaten:
        return (
            f"{first} beats {some(beaten)}; the runs cannot tell it from {names} "
            f"{family}{why}."
        )
    place = "has the highest overall score"
    if level:
        place = f"shares the highest overall score with {some(level)}"
    return f"The runs cannot tell {first}, which {place}, from {names} {family}{why}."


def _reasons(untold: Sequence[Difference]) -> str:
    """Why each of the pairs cannot be told apart: of whom it is said, if not of all."""
    reasons: dict[str, list[str]] = {}
    for pair in untold:
        reasons.setdefault(why_untold(pair), []).append(pair.second)
    told = [
        why if len(reasons) == 1 else f"of {some(names)}, {why}"
        for why, names in reasons.items()
        if why
    ]
    return "".join(f"; {one}" for one in told)
