"""The types of the package's calls, checked by beartype through jaxtyping's hook."""

from collections.abc import Callable
from typing import Any

from beartype import beartype


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
