"""What a law is, and how an entrant is held to it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..core.faults import EntrantProblem
from ..core.problems import CannotPlay
from ..tasks.files import DataProblem


class LawBroken(AssertionError):
    """An entrant broke a law; one sentence says what was expected and what came."""


class NotJudged(Exception):
    """A law does not speak of this entrant; the message says why."""


@dataclass(frozen=True)
class Law:
    """One thing that every entrant of a kind must do.

    `test` takes the entrant's case (`ModelCase` or `TaskCase`) and raises `LawBroken`.
    """

    name: str
    statement: str
    test: Callable[[Any], None]


@dataclass(frozen=True)
class Verdict:
    """How an entrant stands to one law.

    `passed` is None where the law could not be tested: it does not speak of this
    entrant, or the entrant's data is not there. `detail` is then the reason; where
    the law is broken, it is the sentence that says how.
    """

    law: str
    statement: str
    passed: bool | None
    detail: str
    seconds: float


def require(condition: object, sentence: str) -> None:
    """Returns if the condition holds.

    Raises:
        LawBroken: it does not; the sentence is the message.
    """
    if not condition:
        raise LawBroken(sentence)


def judge(law: Law, case: Any) -> Verdict:
    """Returns how a case stands to a law; an exception of the entrant breaks it."""
    begun = time.perf_counter()
    passed, detail = _outcome(law, case)
    seconds = time.perf_counter() - begun
    return Verdict(law.name, law.statement, passed, detail, seconds)


def _outcome(law: Law, case: Any) -> tuple[bool | None, str]:
    try:
        law.test(case)
    except (LawBroken, EntrantProblem) as broken:
        return False, str(broken)
    except (DataProblem, NotJudged, CannotPlay) as reason:
        return None, str(reason)
    except Exception as error:  # an entrant may raise anything, and that is a verdict
        kind, said = type(error).__name__, (str(error).strip() or "no more said")
        return (
            False,
            f"expected an answer, but it raised {kind}: {said.splitlines()[0]}",
        )
    return True, ""
