"""Numbers and words from anybody's files, within limits that are known."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints


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
