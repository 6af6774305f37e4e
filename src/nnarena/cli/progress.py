"""Showing a matrix of runs while it goes on: live on a terminal, else plain lines."""

import time
from collections.abc import Iterable, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..analysis.labels import run_labels
from ..runs.plans import PlannedRun
from ..suite.events import Event


TOLD = ("note", "answered", "unanswered")
"""The kinds of events whose text is shown as it is."""


def duration(seconds: float) -> str:
    """Returns a time as people say it: 9 s, 4 min 20 s, 2 h 05 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def number(value: float | None) -> str:
    """Returns a figure at four digits, or a dash."""
    return "-" if value is None else f"{value:.4g}"


class Watch:
    """What is known of the runs: how far each is, how many have ended, time left."""

    def __init__(self, runs: Sequence[PlannedRun]):
        self.runs = {run.key: run for run in runs}
        names = run_labels(list(self.runs.values()))
        self.labels = dict(zip(self.runs, names, strict=True))
        self.latest: dict[str, Event] = {}
        self.steps: dict[str, float] = {}
        self.endings: dict[str, Event] = {}
        self.unanswered = 0
        self.begun = time.monotonic()

    def see(self, event: Event) -> None:
        """Takes in one event."""
        if event.kind in ("done", "failed"):
            self.latest.pop(event.key, None)
            self.steps.pop(event.key, None)
            self.endings[event.key] = event
        elif event.kind == "stopped":
            self.latest.pop(event.key, None)
        elif event.kind == "unanswered":
            self.unanswered += 1
        elif event.kind in ("started", "check"):
            self.endings.pop(event.key, None)  # what failed is tried again
            self.latest[event.key] = event
            self.steps[event.key] = event.figures.get("step") or 0.0

    @property
    def ended(self) -> int:
        """How many runs have ended, in whatever way."""
        return len(self.endings)

    @property
    def failed(self) -> int:
        """How many runs failed."""
        return sum(event.kind == "failed" for event in self.endings.values())

    @property
    def done(self) -> float:
        """How many runs are done, a run under way counting by its share of steps."""
        shares = (step / self.runs[key].total_steps for key, step in self.steps.items())
        return float(self.ended + sum(shares))

    @property
    def left(self) -> str:
        """Time left, if what remains goes as what went."""
        if self.done < 0.5:
            return "estimating"
        gone = time.monotonic() - self.begun
        return f"{duration(gone / self.done * (len(self.runs) - self.done))} left"

    def ending(self, event: Event) -> str:
        """Says in a line how a run ended."""
        run = self.runs[event.key]
        head = f"[{self.ended}/{len(self.runs)}] {self.labels[event.key]}: "
        if event.kind == "failed":
            return f"{head}failed: {event.text}"
        if "test_score" not in event.figures:
            return f"{head}{event.text}"
        score = number(event.figures["test_score"])
        return f"{head}{event.text}, test {run.metric} {score}"


def follow(
    events: Iterable[Event], runs: Sequence[PlannedRun], console: Console
) -> Watch:
    """Shows the events until they end, and returns what was seen."""
    watch = Watch(runs)
    if not console.is_terminal:
        for event in events:
            watch.see(event)
            if event.kind in ("done", "failed"):
                console.print(
                    f"{watch.ending(event)} ({watch.left})",
                    markup=False,
                    soft_wrap=True,
                )
            elif event.kind in TOLD:
                console.print(event.text, markup=False, soft_wrap=True)
        return watch
    bar = Progress(
        TextColumn("{task.completed:.0f} of {task.total:.0f} runs"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    overall = bar.add_task("runs", total=len(runs), left="estimating")
    with Live(console=console, refresh_per_second=4) as live:
        for event in events:
            watch.see(event)
            if event.kind == "failed":
                live.console.print(watch.ending(event), style="red", markup=False)
            elif event.kind in TOLD:
                live.console.print(event.text, markup=False)
            bar.update(overall, completed=watch.done, left=watch.left)
            live.update(Group(_active_table(watch), bar))
    return watch


def _active_table(watch: Watch) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("run", "step", "train loss", "validation"):
        table.add_column(name, justify="left" if name == "run" else "right")
    for key, event in watch.latest.items():
        figures = event.figures
        table.add_row(
            watch.labels[key],
            f"{watch.steps[key]:.0f}/{watch.runs[key].total_steps:.0f}",
            number(figures.get("train_loss")),
            number(figures.get("validation_score")),
        )
    return table
