"""Rows as columns: a page's data at a fraction of its size.

Rows repeat every name in every row. Columns name them once, give a text that comes
again by its place in a list of words, and round numbers to what anyone reads.
"""

from typing import Any


DIGITS = 5
"""Significant digits of a number that is not an integer."""

Column = list[Any] | dict[str, list[Any]]


def to_columns(rows: list[dict[str, Any]]) -> dict[str, Column]:
    """Returns columns by name: a list, or `{"words": [...], "at": [...]}` of texts.

    Raises:
        KeyError: a row lacks a column of the first one.
    """
    names = rows[0] if rows else {}
    return {name: _column([row[name] for row in rows]) for name in names}


def _column(values: list[Any]) -> Column:
    if not all(isinstance(value, str) for value in values):
        return [_short(value) for value in values]
    words = list(dict.fromkeys(values))
    places = {word: place for place, word in enumerate(words)}
    return {"words": words, "at": [places[value] for value in values]}


def _short(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
