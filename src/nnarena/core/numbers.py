"""Numbers and words from anybody's files, within limits that are known."""

from typing import Annotated

from pydantic import Field, StringConstraints


Count = Annotated[int, Field(ge=0, le=2**53)]
"""A whole number that a float holds exactly."""

Finite = Annotated[float, Field(ge=-1e100, le=1e100, allow_inf_nan=False)]
"""A number whose square is a number too: sums of squares do not overflow."""

Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]

Word = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=500)
]
"""A name or version: a terminal shows it, and does not obey it."""
