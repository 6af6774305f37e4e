"""Tables as text for other programs: LaTeX with booktabs, Markdown, CSV."""

import csv
import io
import itertools
from collections.abc import Iterable

from .fields import Field, Table


LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    },
    **{"<": r"\textless{}", ">": r"\textgreater{}"},
    **{
        "≥": r"$\ge$",
        "×": r"$\times$",
        "·": r"$\cdot$",
        "–": "--",
        "‡": r"$\ddagger$",
        "…": r"\dots{}",
    },
}


def to_latex(table: Table) -> str:
    """Returns a `tabular` with booktabs' rules; a first note stands in small print."""
    columns = "".join("r" if number else "l" for _, number in table.heads)
    heads = [_latex(name) for name, _ in table.heads]
    lines = [
        f"% {table.caption}. Needs \\usepackage{{booktabs}}.",
        f"\\begin{{tabular}}{{{columns}}}",
        *("\\toprule", _row(heads), "\\midrule"),
        *(_row(_latex_cell(field) for field in row) for row in table.rows),
        *("\\bottomrule", "\\end{tabular}"),
    ]
    return "\n".join(lines) + "\n"


def to_markdown(table: Table) -> str:
    """Returns a Markdown table; the first note stands in brackets."""
    rows = [
        [name for name, _ in table.heads],
        ["---:" if number else "---" for _, number in table.heads],
        *([_markdown_cell(field) for field in row] for row in table.rows),
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"{table.caption}.", "", *lines]) + "\n"


def to_csv(table: Table) -> str:
    """Returns comma-separated values: numbers in full, and notes in the next column.

    Times are in seconds, sizes in bytes.
    """
    places = range(len(table.heads))
    noted = {place for place in places if any(row[place].notes for row in table.rows)}
    heads = [(name, f"{name}: notes") for name, _ in table.heads]
    numbers = [number for _, number in table.heads]
    rows = [
        [
            (_csv_cell(field, number), "; ".join(field.notes))
            for field, number in zip(row, numbers, strict=True)
        ]
        for row in table.rows
    ]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for row in [heads, *rows]:
        cells = (row[place][: 2 if place in noted else 1] for place in places)
        writer.writerow(itertools.chain.from_iterable(cells))
    return file.getvalue()


def _csv_cell(field: Field, number: bool) -> str:
    return field.order if number and field.order is not None else field.text


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex(text: str) -> str:
    return "".join(LATEX.get(sign, sign) for sign in text)


def _latex_cell(field: Field) -> str:
    note = f" {{\\scriptsize {_latex(field.notes[0])}}}" if field.notes else ""
    return _latex(field.text) + note


def _markdown_cell(field: Field) -> str:
    note = f" ({field.notes[0]})" if field.notes else ""
    return (field.text + note).replace("|", "\\|").replace("<", "&lt;")
