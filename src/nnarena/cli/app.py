"""The commands and their help; what they do is imported only when they do it."""

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    AsJson,
    Cores,
    Gpus,
    MemoryLimit,
    Models,
    On,
    Parameters,
    Results,
    ResultsArgument,
    Seeds,
    ShardOption,
    Steps,
    SuiteArgument,
    Tasks,
    TimeLimit,
    Version,
    Workers,
)


app = typer.Typer(
    name="arena",
    help=(
        "Neural Network Arena: which sequence models remember, how far back, how "
        "surely, and at what cost."
    ),
    epilog="Exit codes: 0 good, 1 a run or a law failed, 2 wrong usage or a folder "
    "that cannot be written, 130 stopped by Ctrl-C, 143 by SIGTERM.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main(
    version: Version = False,
) -> None:
    """Options that come before any command."""


@app.command()
def run(
    suite: SuiteArgument = "quick",
    models: Models = None,
    tasks: Tasks = None,
    seeds: Seeds = None,
    parameters: Parameters = None,
    steps: Steps = None,
    results: Results = "results",
    workers: Workers = None,
    shard: ShardOption = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    on: On = None,
    cores: Cores = None,
    gpus: Gpus = None,
) -> None:
    """Run contenders on tasks over several seeds; end in a leaderboard and a page.

    Runs that are already in the results folder are not repeated, and an interrupted
    run goes on where it stopped: give the same command again. Ctrl-C stops after the
    checks in hand, a second one at once; `arena status` looks on from elsewhere.
    """
    from .placement import Placement
    from .request import Request
    from .run import run_suite

    request = Request(suite, models, tasks, seeds, parameters, steps, shard)
    placement = Placement(workers, time_limit, memory_limit, on, cores, gpus)
    run_suite(request, results, placement)


@app.command()
def status(
    results: ResultsArgument = "results",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay and show how the runs go on.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show what is done, running, failed and left in a folder of results."""
    from .status import show_status

    show_status(results, as_json=json, live=follow)


@app.command()
def plan(
    suite: SuiteArgument = "quick",
    models: Models = None,
    tasks: Tasks = None,
    seeds: Seeds = None,
    parameters: Parameters = None,
    steps: Steps = None,
    results: Results = "results",
    workers: Workers = None,
    shard: ShardOption = None,
    json: AsJson = False,
) -> None:
    """Show what a suite would run, with widths, parameters and an estimate of time."""
    from .plan import show_plan
    from .request import Request

    request = Request(suite, models, tasks, seeds, parameters, steps, shard)
    show_plan(request, results, workers, as_json=json)


@app.command()
def merge(
    stores: Annotated[
        list[str],
        typer.Argument(
            metavar="FROM... INTO",
            help="Folders of results (or s3://BUCKET/PREFIX); the last takes the rest.",
        ),
    ],
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

    merge_stores(stores, dry=dry_run, as_json=json)


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(help="models, tasks or suites.")],
    json: AsJson = False,
) -> None:
    """List the models, tasks or suites that there are."""
    from .listing import show_list

    show_list(kind, as_json=json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A model, task or suite.")],
    json: AsJson = False,
) -> None:
    """Show an entrant's equations or data, its numbers and its source."""
    from .listing import show_entrant

    show_entrant(name, as_json=json)


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(help="A model or task, or FILE.py with models.")
    ],
    json: AsJson = False,
) -> None:
    """Hold one entrant to the conformance laws."""
    from .check import check_entrant

    check_entrant(name, as_json=json)


@app.command()
def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FOLDER | A B]",
            help="Folder of results [results], or two contenders of --results.",
            show_default=False,
        ),
    ] = None,
    results: Annotated[
        str | None,
        typer.Option("--results", "-r", help="Folder of results [results]."),
    ] = None,
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
    for, with a verdict: within, above, below, cannot tell, or not comparable and why.
    """
    from .compare import show_comparison

    show_comparison(names or [], results, against, study, as_json=json)


@app.command()
def cite(results: ResultsArgument = "results", json: AsJson = False) -> None:
    """Print BibTeX of the contenders and tasks that a folder of results used."""
    from .cite import show_citations

    show_citations(results, as_json=json)


@app.command()
def report(
    results: ResultsArgument = "results",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="[RESULTS/report.html]")
    ] = None,
) -> None:
    """Write the results as one self-contained HTML page."""
    from .results import write_page

    write_page(results, output)


@app.command()
def export(
    results: ResultsArgument = "results",
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

    export_results(results, to, formats or ["pdf", "png", "svg"])
