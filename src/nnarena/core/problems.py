"""What goes wrong by a user's mistake, said to the user in one sentence."""

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


WANTED = {
    "int_": "a whole number",
    "float_": "a number",
    "bool_": "true or false",
    "string_": "a text",
    "list_": "a list",
    "dict_": "a table",
    "model_": "a table",
}
"""What has to stand there, by how the kind of an error begins."""


def first_problem(error: ValidationError) -> tuple[str, str]:
    """Returns where the first of the things stands that are wrong, and what it is."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    for kind, wanted in WANTED.items():
        if first["type"].startswith(kind):
            return place, f"has to be {wanted}, and is {first['input']!r}"
    if first["type"] == "missing":
        return place, "is missing"
    if first["type"] == "too_short":
        return place, "has to name one at least"
    what = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return place, what.replace("should be", "has to be", 1)
