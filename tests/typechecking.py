"""The types of the package's calls, checked by beartype through jaxtyping's hook."""

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any, get_args

import jaxtyping
from beartype import beartype
from jaxtyping._import_hook import Typechecker


def at_first_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function, whose checks are written when it is first called.

    Beartype writes them when a function is made, twice for each (with and without what
    it returns), and most functions of a package are never called in one process.
    """
    checked: Callable[..., Any] | None = None

    def check(*args: Any, **kwargs: Any) -> Any:
        nonlocal checked
        if checked is None:
            checked = beartype(function)
        return checked(*args, **kwargs)

    return check


def has_axes(annotation: Any) -> bool:
    """Returns whether an annotation may name axes, as those of jaxtyping do.

    So may one in quotes, of which nothing is known yet.
    """
    if isinstance(annotation, str | list | tuple):
        return isinstance(annotation, str) or any(map(has_axes, annotation))
    kinds = type(jaxtyping.AbstractArray), type(jaxtyping.PyTree)
    return isinstance(annotation, kinds) or any(map(has_axes, get_args(annotation)))


def checks_types(jaxtyped: Callable[..., Any]) -> Callable[..., Any]:
    """Returns jaxtyping's decorator, left out where there are no axes to compare.

    Around each call it keeps a table of what the names of axes stand for, in far more
    time than checking types takes: beartype alone does the same for such a function.
    """

    def decorator(*made: Any, **settings: Any) -> Any:
        decorate = jaxtyped(*made, **settings)
        if made or settings.get("typechecker") not in Typechecker.lookup.values():
            return decorate  # others who use jaxtyping

        def without_axes(part: Any) -> Any:
            plain = isinstance(part, FunctionType) and not any(
                map(has_axes, part.__annotations__.values())
            )
            if not plain:
                return decorate(part)
            return functools.wraps(part)(at_first_call(part))

        return without_axes

    return decorator


jaxtyping.jaxtyped = checks_types(jaxtyping.jaxtyped)
