"""`arena list` and `arena show`: what there is, and what each says of itself."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from ..core.numbers import words_of
from ..core.references import bibtex, citation
from ..core.registry import Entry, Shared, UnknownName
from ..suite.words import (
    KINDS as ENTRANTS,
    PARTS,
    find_entrants,
    names_file,
    registry_of,
)
from .console import guarded, out, print_json, refuse
from .controls import controls_json, show_controls


REGISTERED = (*ENTRANTS, *PARTS)
KINDS = (*REGISTERED, "suites")


@guarded
def show_list(kind: str, *, as_json: bool) -> None:
    """Prints a table of one kind."""
    if kind not in KINDS:
        raise refuse(f"there is no list of {kind!r}; there are: {', '.join(KINDS)}")
    rows = _suite_rows() if kind == "suites" else _entry_rows(kind)
    if as_json:
        print_json(rows)
        return
    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, no_wrap=name == "name", overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    out.print(table)


def _entries(kind: str) -> dict[str, Entry]:
    return {entry.name: entry for entry in registry_of(kind)}


def _entry_rows(kind: str) -> list[dict[str, str]]:
    return [
        {
            "name": entry.name,
            "family": entry.family,
            "what": entry.docstring.splitlines()[0],
            "source": entry.source,
        }
        for entry in _entries(kind).values()
    ]


def _suite_rows() -> list[dict[str, str]]:
    from ..suite.config import load_suite, suite_names

    suites = [load_suite(name) for name in suite_names()]
    return [
        {
            "name": suite.name,
            "runs": f"{len(suite.models)} x {len(suite.tasks)} x {len(suite.seeds)}",
            "description": suite.description,
        }
        for suite in suites
    ]


@guarded
def show_entrant(name: str, *, as_json: bool) -> None:
    """Prints what a registry has under a name, a suite, or what a file registers."""
    from ..suite.config import load_suite, suite_names

    if names_file(name):
        _show_file(find_entrants(name, REGISTERED), as_json=as_json)
        return
    found = {kind: _entries(kind).get(name) for kind in REGISTERED}
    for kind, entry in found.items():
        if entry is not None:
            _show_entry(kind, entry, as_json=as_json)
            return
    if name in suite_names():
        suite = load_suite(name).model_dump()
        if as_json:
            print_json(suite)
        else:
            _show_suite(suite)
        return
    known = sorted([*(n for kind in found for n in _entries(kind)), *suite_names()])
    raise UnknownName("model, task, trainer, metric, penalty or suite", name, known)


def _show_file(found: list[tuple[str, str, dict[str, Any]]], *, as_json: bool) -> None:
    """Prints the entrants of a file; as JSON a list where there are several."""
    entries = [(kind, _entries(kind)[name]) for kind, name, _ in found]
    if as_json:
        told = [_entry_json(kind, entry) for kind, entry in entries]
        print_json(told if len(told) > 1 else told[0])
        return
    for kind, entry in entries:
        _show_entry(kind, entry, as_json=False)


def _entry_json(kind: str, entry: Entry) -> dict[str, Any]:
    return {
        "kind": registry_of(kind).kind,
        "name": entry.name,
        "family": entry.family,
        "version": entry.version,
        "docstring": entry.docstring,
        "settings": _settings(kind, entry),
        "source": entry.source,
        "bibtex": bibtex(entry.source),
        **(_task_json(entry) if kind == "tasks" else {}),
    }


def _task_json(entry: Entry) -> dict[str, Any]:
    return {"axis": _axis(entry), "controls": controls_json(entry)}


def _axis(entry: Entry) -> str | None:
    """Returns the axis of a task; a user's class may be none."""
    return getattr(entry.make, "axis", None)


def _settings(kind: str, entry: Entry) -> dict[str, Any]:
    shared = {name: one.default for name, one in _frame(kind, entry).items()}
    return shared | entry.defaults


def _show_entry(kind: str, entry: Entry, *, as_json: bool) -> None:
    from ..analysis.labels import value_text

    if as_json:
        print_json(_entry_json(kind, entry))
        return
    settings, shared = _settings(kind, entry), _frame(kind, entry)
    kinds = {name: one.kind for name, one in shared.items()} | entry.kinds
    out.print(
        f"[bold]{entry.name}[/] ({registry_of(kind).kind}, {entry.family}), "
        f"version {entry.version}\n"
    )
    out.print(entry.docstring, markup=False, soft_wrap=True)
    out.print("\n[bold]Settings[/], to be set as NAME(setting=value):")
    for name, value in settings.items():
        others = [word for word in words_of(kinds[name]) if word != value]
        instead = f"  (or {', '.join(others)})" if others else ""
        out.print(f"  {name} = {value_text(value)}{instead}", markup=False)
    if not settings:
        out.print("  none")
    if kind == "tasks":
        if _axis(entry) is not None:
            out.print(f"\n[bold]Axis of difficulty[/]: {_axis(entry)}")
        show_controls(entry)
    out.print("\n[bold]Source[/]")
    known = bibtex(entry.source) is not None
    source = citation(entry.source) if known else entry.source
    out.print(f"  {source}", markup=False, soft_wrap=True)


def _frame(kind: str, entry: Entry) -> Mapping[str, Shared]:
    """Returns the settings that an entrant has from the frame around it."""
    if kind != "models":
        return {}
    from ..models.contender import Contender

    return Contender(entry.name).frame


def _show_suite(suite: dict[str, Any]) -> None:
    out.print(f"[bold]{suite['name']}[/] (suite): {suite['description']}\n")
    for key in ("models", "tasks"):
        out.print(f"{key}: {', '.join(_choice_text(choice) for choice in suite[key])}")
    for key in ("seeds", "parameters", "width", "trainer"):
        if suite[key]:
            out.print(f"{key}: {suite[key]}", markup=False)
    if suite["deviations"]:
        out.print("\n[bold]Deviations[/]")
    for text in suite["deviations"]:
        out.print(f"  - {text}", markup=False, soft_wrap=True)


def _choice_text(choice: dict[str, Any]) -> str:
    from ..analysis.labels import value_text

    settings = dict(choice["settings"])
    settings |= {
        key: choice[key] for key in ("width", "trainer", "evaluate") if choice.get(key)
    }
    text = ", ".join(f"{key}={value_text(value)}" for key, value in settings.items())
    return f"{choice['name']}({text})" if text else choice["name"]
