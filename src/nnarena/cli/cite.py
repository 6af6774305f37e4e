"""`arena cite`: what to cite for the entrants that a store used."""

from dataclasses import asdict

import typer

from ..report.citations import bibliography, sources
from .console import guarded, print_json
from .results import read_records


@guarded
def show_citations(results: str, *, as_json: bool) -> None:
    """Prints the BibTeX of a folder's contenders and tasks."""
    found = sources(read_records(results))
    if as_json:
        print_json([asdict(source) for source in found])
    else:
        typer.echo(bibliography(found))
