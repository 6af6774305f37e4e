"""Reading the files of bAbI: stories with questions in between.

    1 Mary moved to the bathroom.
    2 John went to the hallway.
    3 Where is Mary?<TAB>bathroom<TAB>1
    4 Daniel went back to the hallway.

A line is a number and a sentence; number 1 begins a story. A question has its answer
and the numbers of the sentences that it rests on behind it, set off by tabs. It is no
sentence of the story, but has a number of its own.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .files import DataProblem


Words = tuple[str, ...]


class Question(NamedTuple):
    """A question about the sentences before it, in lower case and without marks.

    `support` are the places in the story of the sentences that it rests on.
    """

    story: tuple[Words, ...]
    words: Words
    answer: str
    support: tuple[int, ...]


def read_questions(path: Path, advice: str) -> list[Question]:
    """Returns the questions of a file, in its order.

    Args:
        path: where it is.
        advice: where to get a sound one, in a clause.

    Raises:
        DataProblem: it is not such a file.
    """
    try:
        text = path.read_text(encoding="ascii")
        found = list(_questions(text.splitlines()))
        if not found:
            raise ValueError("it asks nothing")
    except (ValueError, OSError) as error:
        raise DataProblem(
            f"the file {path} cannot be read as stories with questions: {error}; "
            f"delete it and {advice}"
        ) from error
    return found


def _questions(lines: Sequence[str]) -> Iterator[Question]:
    story: list[Words] = []
    places: dict[int, int] = {}
    for place, line in enumerate(lines, start=1):
        try:
            number, text, *asked = _parts(line)
            if number == 1:
                story, places = [], {}
            if asked:
                answer, support = asked
                resting = tuple(places[int(each)] for each in support.split())
                yield Question(tuple(story), text, answer.strip().lower(), resting)
            else:
                places[number] = len(story)
                story.append(text)
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"line {place}, {line[:40]!r}, is neither a sentence nor a question "
                "about those before it"
            ) from error


def _parts(line: str) -> tuple:
    """Returns the number of a line, its words and, of a question, what stands behind.

    Raises:
        ValueError: a line has another form.
    """
    number, text = line.split(" ", maxsplit=1)
    sentence, *asked = text.split("\t")
    words = tuple(sentence.lower().replace(".", " ").replace("?", " ").split())
    if not words or len(asked) not in (0, 2):
        raise ValueError
    return int(number), words, *asked
