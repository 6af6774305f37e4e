"""Numbers and words from any file, within limits that are known.

A setting's range is part of its type, where the setting is declared:

    def __init__(self, ..., *, heads: AtLeastOne = 2, tau: AboveZero = 1.0, key: Key)

`fitting` refuses all that is outside, in one sentence; nobody else looks again.
"""

import functools
import inspect
import math
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import (
    AfterValidator,
    Field,
    PydanticUserError,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)


P = ParamSpec("P")
T = TypeVar("T")

Count = Annotated[int, Field(ge=0, le=2**53)]
"""A whole number that a float holds exactly."""

Finite = Annotated[float, Field(ge=-1e45, le=1e45, allow_inf_nan=False)]
"""Any number of single precision; its sixth power is a number too, for statistics."""

Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]

NotNegativeInt = Annotated[int, Field(ge=0)]

AtLeastOne = Annotated[int, Field(ge=1)]
"""How many there are of what there has to be."""

AtLeastTwo = Annotated[int, Field(ge=2)]

AS_FLOAT = AfterValidator(float)
"""A whole number stands for the number that it is, and both are one run."""

AboveZero = Annotated[int | float, Field(gt=0), AS_FLOAT]

NotNegative = Annotated[int | float, Field(ge=0), AS_FLOAT]

Share = Annotated[int | float, Field(ge=0, le=1), AS_FLOAT]
"""A part of a whole, none of it and all of it among them."""

UpToOne = Annotated[int | float, Field(gt=0, le=1), AS_FLOAT]
"""A part of a whole, all of it among them, but not none."""

BelowOne = Annotated[int | float, Field(ge=0, lt=1), AS_FLOAT]
"""A part that leaves something."""


def _distinct(values: Sequence[float]) -> Sequence[float]:
    if len(set(values)) < len(values):
        raise ValueError("one stands there twice")
    return values


DISTINCT = AfterValidator(_distinct)

Trials = AboveZero | Annotated[Sequence[AboveZero], Field(min_length=1), DISTINCT]
"""One number above 0 or several of which the best is taken."""

Word = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=500)
]
"""A name or version: a terminal shows it, and does not obey it."""


def printable(text: str) -> str:
    """Returns a text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


Sentence = Annotated[str, AfterValidator(printable)]
"""What a user's code said, as the text of an exception."""


def fitting(kind: Any, value: Any) -> Any:
    """Returns a value for a setting of a type.

    A whole number stands for the number that it is, so that 100 and 100.0 are the
    same; nothing else becomes what it is not, as a text that reads "False" would
    become true. A number that is not finite fits nothing: a run could not be told
    from others by it. A kind that nothing is known of fits all that are.

    Raises:
        ValueError: it is not of that kind.
    """
    if not _is_finite(value):
        raise ValueError(f"must be {_told(kind)}, not {value!r}")
    try:
        known = _adapter(kind)
    except PydanticUserError:
        return value
    try:
        return known.validate_python(value, strict=True)
    except ValidationError as error:
        if get_origin(kind) is Literal:
            words = ", ".join(map(str, get_args(kind)))
            raise ValueError(f"{value!r} is none of {words}") from error
        raise ValueError(f"must be {_told(kind)}, not {value!r}") from error


def require(kind: Any, **given: Any) -> None:
    """Holds named values to a kind, where they do not come by way of a registry.

    Raises:
        ValueError: one is not of that kind; it begins with its name.
    """
    for name, value in given.items():
        try:
            fitting(kind, value)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from error


def held(constructor: Callable[P, T]) -> Callable[P, T]:
    """Returns a constructor that holds its settings to their types.

    For whoever calls it without a registry, which does so itself: with a wrong setting
    it raises ValueError, in the same words.
    """

    @cache
    def kinds() -> Mapping[str, Any]:
        return setting_kinds(constructor)

    @functools.wraps(constructor)
    def checked(*args: P.args, **settings: P.kwargs) -> T:
        for name, value in settings.items():
            if name in kinds():
                require(kinds()[name], **{name: value})
        return constructor(*args, **settings)

    return checked


def setting_kinds(constructor: Callable[..., Any]) -> dict[str, Any]:
    """Returns the types of a constructor's settings, or of their defaults."""
    try:
        hints = get_type_hints(constructor, include_extras=True)
    except Exception:  # a user's annotation that does not resolve
        hints = {}
    parameters = inspect.signature(constructor).parameters.values()
    return {
        p.name: hints.get(p.name, _kind_of(p.default))
        for p in parameters
        if p.default is not inspect.Parameter.empty
    }


def _kind_of(default: Any) -> Any:
    """Returns the type of a setting without annotation, by its default."""
    if isinstance(default, bool | float | str):
        return type(default)
    return int | float if isinstance(default, int) else Any


def words_of(kind: Any) -> tuple[str, ...]:
    """Returns the words that a setting of a type may be."""
    if get_origin(kind) is Literal:
        return tuple(word for word in get_args(kind) if isinstance(word, str))
    return tuple(word for part in _parts(kind) for word in words_of(part))


def _is_finite(value: Any) -> bool:
    """Whether all numbers in a value are finite, of a list or table too."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_is_finite, value))


@cache
def _adapter(kind: Any) -> Any:  # a TypeAdapter, which beartype cannot check
    return TypeAdapter(kind)


def _parts(kind: Any) -> tuple[Any, ...]:
    union = get_origin(kind) in (Union, types.UnionType)
    return get_args(kind) if union else ()


NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    types.NoneType: "null",
}

BOUNDS = {
    "ge": " of at least {:g}",
    "gt": " above {:g}",
    "le": " of at most {:g}",
    "lt": " below {:g}",
    "min_length": ", {} of them at least",
}

OUT_OF_SIGHT = 2**53
"""From here on a limit is one of what numbers can be, and not told."""


def _told(kind: Any) -> str:
    """Returns a type in words, its range included."""
    if get_origin(kind) is Annotated:
        bare, *extras = get_args(kind)
        return _told(bare) + _limits(extras)
    if get_origin(kind) in (Sequence, list, tuple):
        return f"a list, each {_told(get_args(kind)[0])}"
    if isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping):
        return f"a table, each {_told(get_args(kind)[-1])}"
    if set(_parts(kind)) == {int, float}:
        return NAMES[float]
    several = [_told(part) for part in _parts(kind)] or words_of(kind)
    return " or ".join(several) or NAMES.get(kind, str(kind))


def _limits(extras: Sequence[Any]) -> str:
    """Returns what annotations say of a range, in words: " above 0 and below 1"."""
    found = [one for extra in extras for one in getattr(extra, "metadata", (extra,))]
    told = [
        words.format(getattr(one, name))
        for name, words in BOUNDS.items()
        for one in found
        if hasattr(one, name) and abs(getattr(one, name)) < OUT_OF_SIGHT
    ]
    return " and".join(told) + ", none twice" * (DISTINCT in extras)
