"""How long a run may take and how much memory its process may use.

Limits are not part of a run's identity: a run that keeps within them has the bits that
it has without them.
"""

import re
from dataclasses import dataclass

from .config import SuiteProblem


SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
BYTES = {
    unit + ending: base**power
    for power, unit in enumerate(("", "k", "M", "G", "T"))
    for ending, base in (("B", 1_000), ("iB", 1_024))
    if unit or ending == "B"
}


@dataclass(frozen=True)
class Limits:
    """Limits of one run; None: none.

    `seconds` are those of training and validation, over all interruptions; the program
    may take ten minutes longer than that to be ready. `bytes` are the resident memory
    of the worker process, interpreter and compiler included.
    """

    seconds: float | None = None
    bytes: int | None = None

    def is_late(self, run_seconds: float) -> bool:
        """Whether a run has taken longer than it may."""
        return self.seconds is not None and run_seconds > self.seconds

    def late(self, run_seconds: float) -> str:
        """Says that a run was over its time."""
        limit = self.seconds or 0.0
        return f"over its time limit: {run_seconds:,.1f} s of {limit:,.1f} s"

    def greedy(self, resident_bytes: int) -> str:
        """Says that a run was over its memory."""
        used, limit = resident_bytes / 2**20, (self.bytes or 0) / 2**20
        return f"over its memory limit: {used:,.0f} MiB of {limit:,.0f} MiB"


NO_LIMITS = Limits()


def parse_seconds(text: str) -> float:
    """Returns the seconds in "90", "90s", "30m", "1.5h" or "2d".

    Raises:
        SuiteProblem: it is not such a time, or not above 0.
    """
    return _amount(text, SECONDS, "s", "a time such as 90s, 30m, 1.5h or 2d")


def parse_bytes(text: str) -> int:
    """Returns the bytes in "4GiB" (of 1,024 MiB), "500MB" (of 1,000 kB) or "800000B".

    Raises:
        SuiteProblem: it is not such a size, or not above 0.
    """
    return int(_amount(text, BYTES, None, "a size such as 4GiB, 500MB or 800000B"))


def _amount(text: str, units: dict[str, int], usual: str | None, wanted: str) -> float:
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z]*)", text.strip())
    unit = (match[2] or usual) if match else None
    if match is None or unit not in units or float(match[1]) <= 0:
        raise SuiteProblem(f"{text!r} is not {wanted}")
    return float(match[1]) * units[unit]
