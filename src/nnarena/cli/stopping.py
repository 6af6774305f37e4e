"""Ctrl-C and SIGTERM: once, and the current checks are finished; twice, and all stops.

Schedulers send SIGTERM some time before they kill.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType


ONCE = "stopping after the current checks; once more to stop at once"


@dataclass
class Wish:
    """The signal by which the user asked for an end, if one came."""

    signal: int | None = None

    @property
    def exit_code(self) -> int:
        """What shells expect of a program that a signal ended: 130 or 143."""
        return 128 + (self.signal or signal.SIGINT)


@contextlib.contextmanager
def stoppable(stop: Callable[[], None], told: str = ONCE) -> Iterator[Wish]:
    """Calls `stop` at the first signal and raises KeyboardInterrupt at the second.

    `stop` must return at once; `told` is printed then. Outside of the main thread
    signals are left alone.
    """
    wish = Wish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return

    def hear(number: int, _: FrameType | None) -> None:
        if wish.signal is not None:
            raise KeyboardInterrupt
        wish.signal = number
        stop()
        with contextlib.suppress(OSError):
            os.write(2, f"\n{told}\n".encode())  # print() may be at work already

    numbers = (signal.SIGINT, signal.SIGTERM)
    usual = [signal.signal(number, hear) for number in numbers]
    try:
        yield wish
    finally:
        for number, action in zip(numbers, usual, strict=True):
            signal.signal(number, action)
