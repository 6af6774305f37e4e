"""Showing a matrix of runs while it goes on: live on a terminal, else plain lines."""

import time
from collections.abc import Iterable, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..suite.events import Event
from ..suite.plan import Job


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

    def __init__(self, jobs: Sequence[Job]):
        self.jobs = {job.key: job for job in jobs}
        self.latest: dict[str, Event] = {}
        self.steps: dict[str, float] = {}
        self.ended = 0
        self.failed = 0
        self.begun = time.monotonic()

    def see(self, event: Event) -> None:
        """Takes in one event."""
        if event.kind in ("done", "failed"):
            self.latest.pop(event.key, None)
            self.steps.pop(event.key, None)
            self.ended += 1
            self.failed += event.kind == "failed"
        else:
            self.latest[event.key] = event
            self.steps[event.key] = event.figures.get("step") or 0.0

    @property
    def done(self) -> float:
        """How many runs are done, a run under way counting by its share of steps."""
        shares = (step / self.total_steps(key) for key, step in self.steps.items())
        return float(self.ended + sum(shares))

    def total_steps(self, key: str) -> float:
        """Returns the steps of a run that goes to its end at each of its rates."""
        numbers = self.jobs[key].identity.trainer.numbers
        steps, rates = numbers.get("steps"), numbers.get("learning_rate")
        trials = len(rates) if isinstance(rates, list) else 1
        return float(trials * steps) if isinstance(steps, int | float) else 1.0

    @property
    def left(self) -> str:
        """Time left, if what remains goes as what went."""
        if self.done < 0.5:
            return "estimating"
        gone = time.monotonic() - self.begun
        return f"{duration(gone / self.done * (len(self.jobs) - self.done))} left"

    def ending(self, event: Event) -> str:
        """Says in a line how a run ended."""
        job = self.jobs[event.key]
        head = f"[{self.ended}/{len(self.jobs)}] {job.identity.label}: "
        if event.kind == "failed":
            return f"{head}failed: {event.text}"
        score = number(event.figures.get("test_score"))
        return f"{head}{event.text}, test {job.scoring.metric} {score}"


def follow(events: Iterable[Event], jobs: Sequence[Job], console: Console) -> Watch:
    """Shows the events until they end, and returns what was seen."""
    watch = Watch(jobs)
    if not console.is_terminal:
        for event in events:
            watch.see(event)
            if event.kind in ("done", "failed"):
                console.print(
                    f"{watch.ending(event)} ({watch.left})",
                    markup=False,
                    soft_wrap=True,
                )
        return watch
    bar = Progress(
        TextColumn("{task.completed:.0f} of {task.total:.0f} runs"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    overall = bar.add_task("runs", total=len(jobs), left="estimating")
    with Live(console=console, refresh_per_second=4) as live:
        for event in events:
            watch.see(event)
            if event.kind == "failed":
                live.console.print(watch.ending(event), style="red", markup=False)
            bar.update(overall, completed=watch.done, left=watch.left)
            live.update(Group(_active_table(watch), bar))
    return watch


def _active_table(watch: Watch) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("model", "task", "seed", "step", "train loss", "validation"):
        table.add_column(name, justify="left" if name in ("model", "task") else "right")
    for key, event in watch.latest.items():
        identity = watch.jobs[key].identity
        figures = event.figures
        table.add_row(
            identity.model.name,
            identity.task.name,
            str(identity.seed),
            f"{watch.steps[key]:.0f}/{watch.total_steps(key):.0f}",
            number(figures.get("train_loss")),
            number(figures.get("validation_score")),
        )
    return table
