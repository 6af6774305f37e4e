"""Printing: one console for answers, one for news, one way to refuse."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import typer
from rich.console import Console


P = ParamSpec("P")

out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
"""Answers go to standard output; into a pipe or file they are not cut to 80 columns."""

news = Console(stderr=True, highlight=False)
"""Progress and problems go to standard error."""


def print_json(value: Any) -> None:
    """Prints a value for machines, untouched by the width of the terminal."""
    typer.echo(json.dumps(value, indent=1, allow_nan=False))


def refuse(message: str, code: int = 2) -> typer.Exit:
    """Prints one sentence and returns the exit to raise."""
    news.print(f"[bold red]arena:[/] {_escaped(message)}", soft_wrap=True)
    return typer.Exit(code)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turns the errors that users cause into one sentence and exit code 2."""

    @wraps(command)
    def safe(*args: P.args, **kwargs: P.kwargs) -> None:
        from ..core.problems import UserProblem

        try:
            command(*args, **kwargs)
        except BrokenPipeError:
            raise  # who read the answer wants no more of it
        except (UserProblem, FileNotFoundError) as error:
            raise refuse(str(error)) from error
        except OSError as error:
            told = f"{error.filename}: {error.strerror}" if error.filename else error
            raise refuse(str(told)) from error

    return safe
