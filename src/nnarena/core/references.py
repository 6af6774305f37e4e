"""The literature behind the entrants: `references.bib`, read without a dependency.

The file is written in UTF-8, with letters instead of TeX accents, one entry per
source and every value in braces.
"""

import re
from functools import cache
from importlib.resources import files


PLACES = ("journal", "booktitle", "school", "publisher", "howpublished")
"""The fields that say where a work appeared, in the order of preference."""


class BadReference(ValueError):
    """A text that is not BibTeX, or an entry that lacks what a citation needs."""


def keys() -> list[str]:
    """Returns the keys of all references, sorted."""
    return sorted(_entries())


def bibtex(key: str) -> str | None:
    """Returns the BibTeX entry of a key, as it stands in the file; None if unknown."""
    return _entries().get(key)


def fields(key: str) -> dict[str, str]:
    """Returns the fields of an entry by lower-case name, without protecting braces.

    Raises:
        KeyError: there is no such key.
    """
    entry = bibtex(key)
    if entry is None:
        raise KeyError(f"there is no reference {key!r}")
    return read_fields(entry)


def citation(key: str) -> str:
    """Returns one line for people, as in "Cho et al. 2014. Title. Where.".

    Raises:
        KeyError: there is no such key.
        BadReference: the entry has no author, title, year or place.
    """
    found = fields(key)
    where = next((found[place] for place in PLACES if place in found), None)
    if where is None or not {"author", "title", "year"} <= set(found):
        raise BadReference(f"reference {key!r} lacks an author, title, year or place")
    title = found["title"].rstrip(".").replace("--", "–")
    return f"{_names(found['author'])} {found['year']}. {title}. {where}."


def read_entries(text: str) -> dict[str, str]:
    """Returns the entries of a BibTeX text by key.

    Raises:
        BadReference: a key stands twice, or braces do not match.
    """
    entries: dict[str, str] = {}
    for start in re.finditer(r"^@\w+\{\s*([^\s,]+)\s*,", text, re.MULTILINE):
        key, opening = start[1], text.index("{", start.start())
        if key in entries:
            raise BadReference(f"reference {key!r} stands twice")
        entries[key] = text[start.start() : _closing(text, opening) + 1]
    return entries


def read_fields(entry: str) -> dict[str, str]:
    """Returns the fields of one entry, whose values stand in braces."""
    found, position = {}, entry.index(",")
    while start := re.compile(r"(\w+)\s*=\s*\{").search(entry, position):
        end = _closing(entry, start.end() - 1)
        value = re.sub(r"[{}]", "", entry[start.end() : end])
        found[start[1].lower()] = " ".join(value.split())
        position = end
    return found


@cache
def _entries() -> dict[str, str]:
    text = (files("nnarena") / "references.bib").read_text(encoding="utf-8")
    return read_entries(text)


def _closing(text: str, opening: int) -> int:
    """Returns where the brace that opens at `opening` is closed."""
    depth = 0
    for brace in re.compile(r"[{}]").finditer(text, opening):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.start()
    raise BadReference(f"the brace at character {opening} is never closed")


def _names(authors: str) -> str:
    """Returns the surnames of authors that are written "Surname, Given and ..."."""
    surnames = [author.split(",")[0].strip() for author in authors.split(" and ")]
    if len(surnames) > 2:
        return f"{surnames[0]} et al."
    return " & ".join(surnames)
