"""What ends a check that gets no verdict, even one that hangs in a native call."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .laws import Law, Verdict


@dataclass(frozen=True)
class Watchdog:
    """Gives the verdict itself where a law has none after so many seconds.

    `end` gets that verdict in a thread of its own: the thread of the law cannot be
    interrupted while it waits for a compiled program, so that `end` should leave the
    process.
    """

    seconds: float
    end: Callable[[Verdict], None]

    @contextmanager
    def over(self, law: Law) -> Iterator[None]:
        """Watches over one law, from here to the end of the block."""
        timer = threading.Timer(self.seconds, self.end, [self._verdict(law)])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _verdict(self, law: Law) -> Verdict:
        detail = (
            f"expected a verdict within {self.seconds:g} s, but there is none: the law "
            "still computes, or waits for ever"
        )
        return Verdict(law.name, law.statement, False, detail, self.seconds)
