"""`arena check`."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import typer

from ..check import (
    Verdict,
    Watchdog,
    check_metric,
    check_model,
    check_penalty,
    check_task,
    check_trainer,
)
from ..core.problems import SuiteProblem
from ..suite.provenance import data_folder
from ..suite.words import Chosen, find_entrants
from .console import guarded, news, out, print_json


CHECKED = ("models", "tasks", "trainers", "metrics", "penalties")
"""The kinds of entrants, all of which have laws."""

WITHOUT_SETTINGS = {
    "metrics": ("metric", check_metric),
    "penalties": ("penalty", check_penalty),
}


@guarded
def check_entrant(word: str, *, as_json: bool, law_timeout: float) -> None:
    """Holds an entrant to the laws of its kind; exits 1 if one is broken or hangs."""
    report = _Report(as_json)
    for kind, name, settings in find_entrants(word, CHECKED):
        report.entrants.append(name)
        watchdog = Watchdog(law_timeout, report.end)
        for verdict in _verdicts(kind, name, settings, watchdog):
            report.add(verdict)
    if report.conclude():
        raise typer.Exit(1)


@dataclass
class _Report:
    """The verdicts so far, each printed as it comes, or all at the end as JSON."""

    as_json: bool
    entrants: list[str] = field(default_factory=list)
    verdicts: list[tuple[str, Verdict]] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        """Adds a verdict on the last of the entrants."""
        before = self.verdicts[-1][1].detail if self.verdicts else ""
        self.verdicts.append((self.entrants[-1], verdict))
        if not self.as_json:
            _print(verdict, said=before == verdict.detail)

    def conclude(self) -> int:
        """Prints the whole and returns how many laws are broken."""
        counts = Counter(verdict.passed for _, verdict in self.verdicts)
        if self.as_json:
            said = [{"entrant": each, **asdict(found)} for each, found in self.verdicts]
            print_json(said)
        else:
            skipped = f", {counts[None]} skipped" if counts[None] else ""
            told = f"{counts[True]} laws hold, {counts[False]} broken{skipped}"
            out.print(f"{', '.join(self.entrants)}: {told}")
        return counts[False]

    def end(self, verdict: Verdict) -> None:
        """Adds the last verdict and leaves: the law's thread may never come back."""
        self.add(verdict)
        self.conclude()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


def _verdicts(
    kind: str, name: str, settings: Chosen, watchdog: Watchdog
) -> Iterator[Verdict]:
    """Returns the verdicts on an entrant.

    Raises:
        SuiteProblem: it has no such setting, or not that value.
    """
    try:
        if kind == "models":
            return check_model(name, settings, watchdog=watchdog)
        if kind == "tasks":
            return check_task(name, settings, data=data_folder(), watchdog=watchdog)
        if kind == "trainers":
            return check_trainer(name, settings, watchdog=watchdog)
        what, check = WITHOUT_SETTINGS[kind]
        if settings:
            raise SuiteProblem(f"a {what} has no settings, but {name} is given some")
        return check(name, watchdog=watchdog)
    except ValueError as error:
        raise SuiteProblem(str(error)) from error


def _print(verdict: Verdict, *, said: bool) -> None:
    """Prints a verdict, with its detail if that was not just said."""
    sign = {
        True: "[green]holds[/]",
        False: "[red]broken[/]",
        None: "[yellow]skipped[/]",
    }
    out.print(f"{sign[verdict.passed]:<7} {verdict.statement}")
    if verdict.detail and not said:
        news.print(f"        {verdict.detail}", markup=False, soft_wrap=True)
