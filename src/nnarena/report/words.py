"""Numbers as people read them."""

from ..analysis.intervals import Interval


NOTHING = "–"
"""Stands where there is no number."""

Number = int | float


def score_text(score: Number | None) -> str:
    """Returns "0.873", "0.0053", or "3.2e-05" of what is very small or large."""
    if score is None:
        return NOTHING
    if score == 0 or 0.01 <= abs(score) < 1000:
        return f"{score:.3f}"
    return f"{score:.4f}" if 0.001 <= abs(score) < 1 else f"{score:.1e}"


def interval_text(interval: Interval | None, runs: int = 1) -> str:
    """Returns "0.81 to 0.93", or why there is none for the mean of so many runs."""
    if interval is None:
        return "no interval: one seed" if runs < 2 else "no interval: equal runs"
    return f"{score_text(interval.low)} to {score_text(interval.high)}"


def share_text(interval: Interval | None) -> str:
    """Returns an interval of a proportion: "57 to 100 %"."""
    if interval is None:
        return NOTHING
    return f"{100 * interval.low:.0f} to {100 * interval.high:.0f} %"


def seconds_text(seconds: Number | None) -> str:
    """Returns "0.42 ms", "31 s", "2.1 min" or "3.4 h"."""
    if seconds is None:
        return NOTHING
    units = ((5_400.0, 3600.0, "h"), (90.0, 60.0, "min"), (1.0, 1.0, "s"))
    _, size, unit = next((u for u in units if seconds >= u[0]), (0.0, 1e-3, "ms"))
    return f"{seconds / size:.3g} {unit}"


def bytes_text(size: Number | None) -> str:
    """Returns "600 MB"."""
    return NOTHING if size is None else f"{_prefixed(size)}B"


def count_text(count: Number | None) -> str:
    """Returns "20,032", or "4 M" of what is larger than a million."""
    if count is None:
        return NOTHING
    return f"{count:,.0f}" if count < 1e6 else _prefixed(count).strip()


def _prefixed(value: Number) -> str:
    units = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
    size, unit = next((u for u in units if value >= u[0]), (1.0, ""))
    return f"{value / size:.3g} {unit}"
