"""Docstrings as HTML: paragraphs, code, and equations typeset as MathML.

Equations are typeset while the page is written, as MathML, which browsers draw with
their own fonts: no script, no font file, and a screen reader reads it. math-core writes
the part of MathML that browsers agreed on (MathML Core), with aligned equations and the
space around signs as TeX has them; latex2mathml leaves both to attributes that
Chromium no longer reads.
"""

import re
from functools import cache
from html import escape

from markupsafe import Markup
from math_core import LatexError, LatexToMathML


PARTS = re.compile(
    r"\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$]+?)\$|``(?P<literal>.+?)``"
    r"|`(?P<code>[^`]+?)`",
    re.DOTALL,
)


def to_html(docstring: str) -> Markup:
    """Returns paragraphs; an indented block keeps its lines."""
    blocks = re.split(r"\n\s*\n", docstring.strip("\n"))
    return Markup("\n".join(_block(block) for block in blocks if block.strip()))


def typeset(latex: str, *, display: bool = False) -> Markup:
    """Returns an equation as MathML, or as its source where it cannot be read."""
    try:
        return Markup(
            _converter().convert_with_local_state(latex, displaystyle=display)
        )
    except LatexError:
        return Markup(f"<code>{escape(latex)}</code>")


@cache
def _converter() -> LatexToMathML:
    return LatexToMathML()


def _block(block: str) -> str:
    if all(line.startswith("    ") for line in block.splitlines()):
        return f"<pre>{escape(block)}</pre>"
    inner = _inline(block)
    whole = PARTS.fullmatch(block.strip())
    if whole and whole["display"]:
        return f'<div class="equation" tabindex="0">{inner}</div>'
    return f"<p>{inner}</p>"


def _inline(text: str) -> str:
    pieces, end = [], 0
    for part in PARTS.finditer(text):
        pieces += [escape(text[end : part.start()]), _piece(part)]
        end = part.end()
    return "".join([*pieces, escape(text[end:])])


def _piece(part: re.Match[str]) -> str:
    if part["display"]:
        return typeset(part["display"], display=True)
    if part["inline"]:
        return typeset(part["inline"])
    return f"<code>{escape(part['literal'] or part['code'])}</code>"
