"""What goes wrong by a user's mistake, and is told to the user in one sentence."""

from pydantic import ValidationError


class UserProblem(Exception):
    """Its text says what is wrong, where, and what to do next."""


class SuiteProblem(UserProblem, ValueError):
    """A suite that cannot be run, in one sentence that names file, key and remedy."""


class CannotPlay(UserProblem):
    """A contender that a task rules out; the message is the reason.

    No fault of either: the pair is left out, and the reason is shown in its place.
    """


class StoreProblem(UserProblem):
    """The store cannot be read or written: what was finished is kept, no more is."""


def first_problem(error: ValidationError) -> tuple[str, str]:
    """Returns where the first of the things stands that are wrong, and what it is."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return place, first["msg"].removeprefix("Value error, ")
