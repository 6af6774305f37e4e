"""What entrants say of themselves, read from their source text.

Importing an entrant imports JAX, which a report must do without; a docstring can be
had from the text alone. Records do not carry it: it would stand in each of thousands
of them, and is not part of what a run did. That the account is of the version that ran
is checked by the entrant's version, which record and source both name.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from inspect import cleandoc


REGISTRIES = {"MODELS": ("models", "guests"), "TASKS": ("tasks",)}
"""The packages in which entrants of a registry stand."""


@dataclass(frozen=True)
class Account:
    """An entrant's docstring, the key of its source, and its versions."""

    name: str
    docstring: str
    source: str
    versions: tuple[str, ...]


@cache
def model_accounts() -> dict[str, Account]:
    """Returns the accounts of the package's models by name."""
    return {account.name: account for account in _accounts("MODELS")}


@cache
def task_accounts() -> dict[str, Account]:
    """Returns the accounts of the package's tasks by name."""
    return {account.name: account for account in _accounts("TASKS")}


def read_accounts(text: str, registry: str) -> Iterator[Account]:
    """Returns the accounts of what a module's text registers.

    Args:
        text: Python source.
        registry: the registry's name in it: what `@NAME.register(...)` decorates.
    """
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            for decorator in node.decorator_list:
                if _registers(decorator, registry):
                    docstring = cleandoc(ast.get_docstring(node) or "")
                    yield _account(decorator, docstring)


def _accounts(registry: str) -> Iterator[Account]:
    for package in REGISTRIES[registry]:
        for file in sorted(
            (files("nnarena") / package).iterdir(), key=lambda f: f.name
        ):
            if file.name.endswith(".py"):
                yield from read_accounts(file.read_text("utf-8"), registry)


def _registers(decorator: ast.expr, registry: str) -> bool:
    return (
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr == "register"
        and isinstance(decorator.func.value, ast.Name)
        and decorator.func.value.id == registry
    )


def _account(decorator: ast.expr, docstring: str) -> Account:
    assert isinstance(decorator, ast.Call)
    given = {word.arg: word.value for word in decorator.keywords}
    first = ast.literal_eval(given.get("version", ast.Constant(1)))
    revisions = given.get("revisions", ast.Dict(keys=[], values=[]))
    assert isinstance(revisions, ast.Dict)  # their conditions are code
    later = [ast.literal_eval(number) for number in revisions.keys if number]
    return Account(
        name=ast.literal_eval(decorator.args[0]),
        docstring=docstring,
        source=ast.literal_eval(given["source"]),
        versions=tuple(map(str, (first, *later))),
    )
