"""One worker process as its parent sees it."""

import contextlib
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from . import provenance
from .birth import birth_environment
from .events import Event
from .keeping import writing
from .plan import Job


SETTLE_SECONDS = 10.0
"""How long a process without output may take to end by itself."""

SIGNALS = {signal.value for signal in signal.Signals}

Inbox = queue.SimpleQueue[tuple["WorkerProcess", Event | None] | None]
"""Events of all workers; a worker with None: its output has ended; None: look up."""


class WorkerProcess:
    """One worker process and its current job.

    `jobs` is how many it was given; `verdict` why it was ended over the current run, if
    it was, and `is_to_blame` whether that is the doing of this run alone.
    """

    def __init__(
        self, slot: int, results: str | Path, inbox: Inbox, limit_seconds: float | None
    ):
        self.slot, self.inbox = slot, inbox
        self.job: Job | None = None
        self.jobs = 0
        self._asked = False
        self._forget()
        log = provenance.log_folder(results) / f"worker-{slot}.txt"
        with writing():
            log.parent.mkdir(parents=True, exist_ok=True)
            errors = log.open("ab")
        words = [sys.executable, "-m", "nnarena.suite.worker", str(slot), str(results)]
        limit = [] if limit_seconds is None else [str(limit_seconds)]
        with errors:
            self.process = subprocess.Popen(
                [*words, *limit],
                env=birth_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is for the parent, who tells the rest
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            # The last line of a process that was killed may be half a line.
            with contextlib.suppress(ValueError):
                self.inbox.put((self, Event.model_validate_json(line)))
        self.inbox.put((self, None))

    def _forget(self) -> None:
        self.started = False
        self.verdict: str | None = None
        self.is_to_blame = True
        self._seconds, self._heard_at = 0.0, time.monotonic()

    def give(self, job: Job | None) -> None:
        """Sends the next job, if there is one."""
        self.job = job
        self._forget()
        if job is not None and self.process.stdin is not None:
            self.jobs += 1
            # A broken pipe means that it is dying; the end of its output says so too.
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(job.model_dump_json().encode() + b"\n")
                self.process.stdin.flush()

    def hear(self, event: Event) -> None:
        """Takes in what it says of its run."""
        if event.kind in ("started", "check", "asked"):
            self.started = True
            self._seconds = event.figures.get("seconds") or 0.0
            self._heard_at = time.monotonic()

    @property
    def quiet_seconds(self) -> float:
        """Seconds since it was given its job, started it or came back from a check."""
        return time.monotonic() - self._heard_at

    @property
    def run_seconds(self) -> float:
        """Seconds of the current run, the check that it has not come back from too."""
        return self._seconds + self.quiet_seconds

    def ask_to_stop(self) -> None:
        """Lets it finish the current check; what has not begun is ended at once."""
        if not self._asked:
            self._asked = True
            self.process.send_signal(signal.SIGTERM if self.started else signal.SIGKILL)

    def sentence(self, verdict: str) -> None:
        """Ends it at once and keeps the reason."""
        self.verdict = verdict
        self.process.kill()

    def settle(self) -> None:
        """Waits until it is gone: its output may end before it does."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=SETTLE_SECONDS)

    def epitaph(self) -> str:
        """Says how the process ended."""
        code = self.process.wait()
        if code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name if -code in SIGNALS else "unknown"
        hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
        return f"was killed by signal {-code} ({name}{hint})"

    def end(self) -> None:
        """Ends the process at once; its last checkpoint stays."""
        self.process.kill()
        self._listener.join()
        with contextlib.suppress(BrokenPipeError), self.process:
            pass  # closes the pipes and waits
