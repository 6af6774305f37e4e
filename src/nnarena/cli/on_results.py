"""The commands on a folder of results: what they do is imported when they do it."""

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson, Plugins, Results, ResultsArgument, folder_of


on_results = typer.Typer()


@on_results.command(short_help="Show what is done, running, failed and left.")
def status(
    folder: ResultsArgument = None,
    results: Results = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay and show how the runs go on.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show what is done, running, failed and left in a folder of results."""
    from .status import show_status

    show_status(folder_of(results, folder), as_json=json, live=follow)


@on_results.command(short_help="Rewrite results of an older version of the arena.")
def upgrade(
    folder: ResultsArgument = None,
    results: Results = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be; write nothing.")
    ] = False,
    json: AsJson = False,
) -> None:
    """File the runs of an older schema under the keys that they have today.

    Every command reads older results as they are; this saves looking for them each
    time. No result, history or weight changes; a run under way begins anew.
    """
    from .upgrade import upgrade_store

    upgrade_store(folder_of(results, folder), dry=dry_run, as_json=json)


@on_results.command(short_help="Merge stores; prove that what overlaps agrees.")
def merge(
    stores: Annotated[
        list[str],
        typer.Argument(
            metavar="FROM... INTO",
            help="Folders of results (or s3://BUCKET/PREFIX); the last takes the rest.",
        ),
    ],
    results: Annotated[
        str | None,
        typer.Option("--results", "-r", help="INTO: all FROM... go into this folder."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be; write nothing.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Merge stores, as those of shards, into one; prove that what overlaps agrees.

    A run that both have with the same result, history and weights is identical: the
    cost and provenance that are there stay. One with other bits is refused, both are
    kept, and the exit code is 1.
    """
    from .merge import merge_stores

    into = [] if results is None else [results]
    merge_stores([*stores, *into], dry=dry_run, as_json=json)


@on_results.command(short_help="Print the leaderboard, or whether A beats B.")
def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FOLDER | A B",
            help="Folder of results [results], or two contenders of --results.",
            show_default=False,
        ),
    ] = None,
    results: Results = None,
    against: Annotated[
        str | None,
        typer.Option(help="published: runs beside the figures of the literature."),
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="One study of the published ones, as thesis.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Print the leaderboard; or say whether A beats B; or compare with the literature.

    A B: in one sentence and a table whether contender A beats contender B, on which
    tasks and how surely. The answer may be that the runs cannot tell.

    --against published: every published figure that the runs have a model and task
    for, with a verdict: agrees, differs, not told apart, or not comparable and why.
    """
    from .compare import show_comparison

    show_comparison(names or [], results, against, study, as_json=json)


@on_results.command(short_help="Print BibTeX of what a folder of results used.")
def cite(
    folder: ResultsArgument = None, results: Results = None, json: AsJson = False
) -> None:
    """Print BibTeX of the contenders and tasks that a folder of results used."""
    from .cite import show_citations

    show_citations(folder_of(results, folder), as_json=json)


@on_results.command()
def report(
    folder: ResultsArgument = None,
    results: Results = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="[RESULTS/report.html]")
    ] = None,
) -> None:
    """Write the results as one self-contained HTML page."""
    from .results import write_page

    write_page(folder_of(results, folder), output)


@on_results.command(short_help="Write tables, figures and BibTeX for a paper.")
def export(
    folder: ResultsArgument = None,
    results: Results = None,
    to: Annotated[
        Path, typer.Option("--to", "-o", help="Folder to write to; it is made.")
    ] = Path("export"),
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            help="Format of figures, to be repeated: pdf, png, svg, json (Vega-Lite) "
            "[pdf, png, svg]",
        ),
    ] = None,
) -> None:
    """Write tables (LaTeX, Markdown, CSV), figures and BibTeX for a paper."""
    from .results import export_results

    export_results(folder_of(results, folder), to, formats or ["pdf", "png", "svg"])


@on_results.command(short_help="Ask trained models the test sets of other tasks.")
def evaluate(
    folder: ResultsArgument = None,
    results: Results = None,
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on",
            metavar="TASK",
            help='What is asked, as "add(length=400)", of the runs on a task of that '
            "name; settings that it does not name are as in their own. By commas or "
            "repeating.",
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models", "-m", help="Only runs of these models: NAME(setting=value)."
        ),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--tasks",
            "-t",
            help="Only runs that were trained on these tasks: NAME(setting=value).",
        ),
    ] = None,
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Ask trained models the test sets of other tasks, as of longer sequences.

    No record changes: the answer is stored next to it and not computed again. A model
    that has no answer to such a task "cannot be asked", with the reason.
    """
    from .evaluate import show_evaluations

    where = folder_of(results, folder)
    show_evaluations(where, on or [], models, tasks, plugin or [], as_json=json)


@on_results.command(short_help="Measure how far back trained models feel their input.")
def diagnose(
    folder: ResultsArgument = None,
    results: Results = None,
    attention: Annotated[
        Path | None,
        typer.Option(
            "--attention",
            metavar="FOLDER",
            help="Draw where they look into this folder, in place of the table.",
        ),
    ] = None,
    example: Annotated[
        int | None,
        typer.Option(
            help="Which validation example is drawn, from 0 on.  [default: 0]", min=0
        ),
    ] = None,
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Measure how far back trained models feel their input, by the gradient.

    For every contender and task, the median over seeds of the memory horizon in steps
    and of the gradient at the first step over that at the last.

    --attention FOLDER: where each looks for its answers to one example, as an SVG file
    per contender and task, of its first seed; with --json also every weight.
    """
    where, plugins = folder_of(results, folder), plugin or []
    if attention is not None:
        from .attention import draw_attention

        draw_attention(where, attention, plugins, example=example or 0, as_json=json)
        return
    if example is not None:
        from .console import refuse

        raise refuse("--example says which one --attention FOLDER draws: give that too")
    from .diagnose import show_diagnosis

    show_diagnosis(where, plugins, as_json=json)
