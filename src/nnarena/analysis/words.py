"""Counts and names in sentences."""

from collections.abc import Sequence


MOST = 6
"""Of more names than these a sentence gives the first, and how many others."""


def plural(count: int, noun: str) -> str:
    """Returns "1 run", "2 runs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Sequence[str], last: str = "and") -> str:
    """Returns "a", "a and b" or "a, b and c"."""
    joined = [", ".join(names[:-1]), names[-1]] if names[1:] else names
    return f" {last} ".join(joined)


def some(names: Sequence[str], last: str = "and") -> str:
    """Returns the names as a list, of many the first: "a, b, c and 9 others"."""
    if len(names) <= MOST:
        return listed(names, last)
    return listed([*names[: MOST - 1], f"{len(names) - MOST + 1} others"], last)
