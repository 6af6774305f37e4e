"""What a user's entrant does wrong, with file, line, expected and found."""

import contextlib
import inspect
import re
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .problems import UserProblem
from .source_files import module_sources


class EntrantProblem(UserProblem, ValueError):
    """An entrant that cannot be run as it is; the text says where and what to mend."""


UNTRACEABLE = (
    "TracerArrayConversionError",
    "TracerBoolConversionError",
    "TracerIntegerConversionError",
    "ConcretizationTypeError",
    "NonConcreteBooleanIndexError",
)
"""What JAX raises where numpy or Python asks for the numbers of a traced array."""


READS_AS_FROZEN = re.compile(r"has no attribute '?(array|value)\b")
"""What is raised where an array is taken for a `Frozen` that holds it."""


def require_sound(condition: object, owner: Any, method: str | None, told: str) -> None:
    """Returns if what a method of a user's class gave is as it has to be.

    Raises:
        EntrantProblem: it is not: where the method stands, and what is wrong.
    """
    if not condition:
        raise EntrantProblem(f"{place_of(owner, method)}{told}")


def place_of(owner: Any, method: str | None = None) -> str:
    """Returns where a class, or a method of it, stands: "FILE, line N: Name.method ".

    Of a method that is inherited or not to be found, it names the class.
    """
    code = _code(owner, method)
    name = f"{owner.__name__}.{method}" if method else owner.__name__
    if code is not None:
        return f"{code.co_filename}, line {code.co_firstlineno}: {name} "
    try:
        file, line = inspect.getsourcefile(owner), inspect.getsourcelines(owner)[1]
        return f"{file}, line {line}: {name} "
    except (OSError, TypeError):  # typed at a prompt
        return f"{name} "


def _code(owner: Any, method: str | None) -> Any:
    found = inspect.getattr_static(owner, method, None) if method else owner
    for inside in ("fget", "method", "__func__"):  # of properties and of wrappers
        found = getattr(found, inside, found)
    return getattr(inspect.unwrap(found), "__code__", None) if found else None


@contextlib.contextmanager
def blaming(owner: Any, method: str, doing: str) -> Iterator[None]:
    """Reports what a user's code raises in the block by the line that it came from.

    What no line of theirs has raised goes on as it is.

    Args:
        owner: the class whose code is called.
        method: which method of it.
        doing: what it was called with, or for, as a clause.

    Raises:
        EntrantProblem: their code raised something.
    """
    try:
        yield
    except UserProblem:
        raise
    except Exception as error:
        line = _last_line(owner, error)
        if line is None:
            raise
        kind, said = type(error).__name__, (str(error).strip() or "no more said")
        told = said.splitlines()[0]
        raise EntrantProblem(
            f"{line}: {owner.__name__}.{method}, {doing}, raised {kind}: {told}"
            f"{_remedy(kind, told)}"
        ) from error


def _remedy(kind: str, said: str) -> str:
    """Returns what to do about an error, where its words do not say it."""
    if kind in UNTRACEABLE:
        return (
            "; JAX traces it, so that its arrays have no numbers yet: compute with "
            "jax.numpy, and without if, for or int() on what an array holds"
        )
    if kind == "AttributeError" and READS_AS_FROZEN.search(said):
        return (
            "; within a cell's methods a Frozen weight, or one that derives from "
            "others, is its array already: leave `.array` or `.value()` out"
        )
    if kind == "TypeError" and "Frozen" in said:
        return "; outside of a cell the array of a Frozen weight is its `.value()`"
    return ""


def _last_line(owner: Any, error: Exception) -> str | None:
    """Returns the innermost line of an entrant's own code that an error came by."""
    theirs = {str(path) for path in module_sources(owner.__module__).values()}
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename in theirs]
    return f"{own[-1].filename}, line {own[-1].lineno}" if own else None


def require_constructor(
    owner: Any, positional: str, settings: Mapping[str, Any], *, key: bool
) -> None:
    """Returns if a class can be made as the arena makes it.

    Args:
        owner: the class.
        positional: names of what comes first, as "features, hidden".
        settings: its settings, given by name.
        key: whether a random key comes with them.

    Raises:
        EntrantProblem: something is abstract still, or the constructor takes others.
    """
    values = {*getattr(owner, "__abstractvars__", ())}
    missing = values | {*getattr(owner, "__abstractmethods__", ())}
    missing |= {*getattr(owner, "__abstractclassvars__", ())}
    if missing:
        how = (
            "; a value that the constructor sets is declared in the class, as in "
            f"`{min(values, default=None)}: ...`"
        )
        raise EntrantProblem(
            f"{place_of(owner)}lacks {', '.join(sorted(missing))}, which its kind, "
            f"{owner.__mro__[1].__name__}, has to have{how * bool(values)}"
        )
    names = [name.strip() for name in positional.split(",") if name.strip()]
    keys = {"key": None} if key else {}
    try:
        inspect.signature(owner).bind(*names, **keys, **settings)
    except TypeError as error:
        call = ", ".join([*names, *(["*", "key"] if key else [])])
        raise EntrantProblem(
            f"{place_of(owner, '__init__')}is called with ({call}) and with settings, "
            f"which are keywords with defaults, but takes "
            f"{inspect.signature(owner)}: {error}"
        ) from error


def is_real(found: Any, shape: tuple[int, ...]) -> bool:
    """Returns whether something traced is an array of real numbers of a shape."""
    array = isinstance(found, jax.ShapeDtypeStruct) and found.shape == shape
    return array and bool(jnp.issubdtype(found.dtype, jnp.floating))


def told(value: Any) -> str:
    """Returns what something is, in words: the shapes and types of its arrays."""
    if isinstance(value, jax.ShapeDtypeStruct | np.ndarray | jax.Array):
        return f"{value.shape} in {value.dtype}"
    if isinstance(value, tuple) and type(value) is tuple:
        return f"({', '.join(map(told, value))})"
    if value is None:
        return "None"
    arrays = [leaf for leaf in jax.tree.leaves(value) if hasattr(leaf, "dtype")]
    inside = f" of {', '.join(map(told, arrays[:4]))}" if arrays else ""
    return f"{'an' if type(value).__name__[0] in 'AEIOaeio' else 'a'} " + (
        f"{type(value).__name__}{inside}"
    )
