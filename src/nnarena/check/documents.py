"""What every entrant owes its readers, whatever its kind."""

from ..core import references
from ..core.registry import Entry
from .laws import require


def require_account(entry: Entry) -> None:
    """Returns if an entrant has a docstring and a source.

    A source within the package is a key of `references.bib`. An entrant from outside
    may name its source in words.

    Raises:
        LawBroken: one of them is missing, or the key is unknown.
    """
    # inspect.getdoc would find the docstring of the abstract class above.
    require(
        (entry.make.__doc__ or "").strip(),
        f"expected a docstring of {entry.make.__qualname__}, but it has none",
    )
    source = entry.source.strip()
    require(source, "expected a source in `register(..., source=...)`, but it is empty")
    require(
        entry.outside or references.bibtex(source) is not None,
        f"expected the source to be a key of references.bib, but {source!r} is none",
    )
