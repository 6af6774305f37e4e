"""Numbers and words from anybody's files, within limits that are known."""

import types
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    Field,
    PydanticUserError,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)


Count = Annotated[int, Field(ge=0, le=2**53)]
"""A whole number that a float holds exactly."""

Finite = Annotated[float, Field(ge=-1e45, le=1e45, allow_inf_nan=False)]
"""Any number of single precision; its sixth power is a number too, for statistics."""

Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]

Word = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=500)
]
"""A name or version: a terminal shows it, and does not obey it."""


def printable(text: str) -> str:
    """Returns a text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


Sentence = Annotated[str, AfterValidator(printable)]
"""What somebody's code said, as the text of an exception."""


def fitting(kind: Any, value: Any) -> Any:
    """Returns a value for a setting of a type.

    A whole number stands for the number that it is, so that 100 and 100.0 are the
    same; nothing else becomes what it is not, as a text that reads "False" would
    become true. A kind that nothing is known of fits all.

    Raises:
        ValueError: it is not of that kind.
    """
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


def words_of(kind: Any) -> tuple[str, ...]:
    """Returns the words that a setting of a type may be."""
    if get_origin(kind) is Literal:
        return tuple(word for word in get_args(kind) if isinstance(word, str))
    return tuple(word for part in _parts(kind) for word in words_of(part))


@cache
def _adapter(kind: Any) -> Any:  # a TypeAdapter, which beartype cannot check
    return TypeAdapter(kind)


def _parts(kind: Any) -> tuple[Any, ...]:
    union = get_origin(kind) in (Union, types.UnionType)
    return get_args(kind) if union else ()


def _told(kind: Any) -> str:
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
        types.NoneType: "null",
    }
    several = [_told(part) for part in _parts(kind)] or words_of(kind)
    return " or ".join(several) or names.get(kind, str(kind))
