"""`arena check`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

import typer

from ..check import Verdict, check_model, check_task
from ..core.registry import UnknownName, import_file
from ..models import MODELS
from ..suite.config import SuiteProblem
from ..suite.provenance import data_folder
from ..tasks import TASKS
from .console import guarded, news, out, print_json


@guarded
def check_entrant(name: str, *, as_json: bool) -> None:
    """Holds a model or task to the laws; exits 1 if one is broken."""
    names = _registered_by(name) if name.endswith(".py") else [name]
    verdicts = []
    for each in names:
        for verdict in _verdicts(each):
            verdicts.append((each, verdict))
            if not as_json:
                _print(verdict)
    broken = sum(verdict.passed is False for _, verdict in verdicts)
    if as_json:
        print_json([{"entrant": each, **asdict(verdict)} for each, verdict in verdicts])
    else:
        counts = Counter(verdict.passed for _, verdict in verdicts)
        skipped = f", {counts[None]} skipped" if counts[None] else ""
        told = f"{counts[True]} laws hold, {counts[False]} broken{skipped}"
        out.print(f"{', '.join(names)}: {told}")
    if broken:
        raise typer.Exit(1)


def _registered_by(file: str) -> list[str]:
    module = import_file(file)
    names = [
        name for registry in (MODELS, TASKS) for name in registry.names_from(module)
    ]
    if not names:
        raise SuiteProblem(f"{file} registers no model and no task")
    return names


def _verdicts(name: str) -> Iterator[Verdict]:
    if name in MODELS:
        return check_model(name)
    if name in TASKS:
        return check_task(name, data=data_folder())
    known = sorted([entry.name for registry in (MODELS, TASKS) for entry in registry])
    raise UnknownName("model or task", name, known)


def _print(verdict: Verdict) -> None:
    sign = {
        True: "[green]holds[/]",
        False: "[red]broken[/]",
        None: "[yellow]skipped[/]",
    }
    out.print(f"{sign[verdict.passed]:<7} {verdict.statement}")
    if verdict.detail:
        news.print(f"        {verdict.detail}", markup=False, soft_wrap=True)
