"""The commands and their help; what they do is imported only when they do it."""

from typing import Annotated

import typer

from .measuring import measuring
from .on_results import on_results
from .options import (
    AsJson,
    Cores,
    Gpus,
    MemoryLimit,
    Models,
    On,
    Parameters,
    Plugins,
    Results,
    Seeds,
    ShardOption,
    Steps,
    SuiteArgument,
    Tasks,
    TimeLimit,
    Trainer,
    Version,
    Workers,
    folder_of,
)


app = typer.Typer(
    name="arena",
    help=(
        "Neural Network Arena: which sequence models remember, how far back, how "
        "surely, and at what cost."
    ),
    epilog="Exit codes: 0 good, 1 a run, a law, a merge or a measurement failed, "
    "2 wrong usage or a folder that cannot be written, 130 stopped by Ctrl-C, 143 by "
    "SIGTERM.",
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


@app.command(short_help="Run contenders on tasks over several seeds.")
def run(
    suite: SuiteArgument = "quick",
    models: Models = None,
    tasks: Tasks = None,
    seeds: Seeds = None,
    parameters: Parameters = None,
    steps: Steps = None,
    trainer: Trainer = None,
    results: Results = None,
    plugin: Plugins = None,
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
    current checks, a second one at once; `arena status` looks on from elsewhere.
    """
    from .placement import Placement
    from .request import Request
    from .run import run_suite

    request = Request(
        *(suite, models, tasks, seeds, parameters, steps, shard, plugin, trainer)
    )
    placement = Placement(workers, time_limit, memory_limit, on, cores, gpus)
    run_suite(request, folder_of(results), placement)


@app.command(short_help="Show what a suite would run, and how long it takes.")
def plan(
    suite: SuiteArgument = "quick",
    models: Models = None,
    tasks: Tasks = None,
    seeds: Seeds = None,
    parameters: Parameters = None,
    steps: Steps = None,
    trainer: Trainer = None,
    results: Results = None,
    plugin: Plugins = None,
    workers: Workers = None,
    shard: ShardOption = None,
    json: AsJson = False,
) -> None:
    """Show what a suite would run, with widths, parameters and an estimate of time."""
    from .plan import show_plan
    from .request import Request

    request = Request(
        *(suite, models, tasks, seeds, parameters, steps, shard, plugin, trainer)
    )
    show_plan(request, folder_of(results), workers, as_json=json)


@app.command("list")
def list_(
    kind: Annotated[
        str,
        typer.Argument(help="models, tasks, trainers, metrics, penalties or suites."),
    ],
    json: AsJson = False,
) -> None:
    """List the models, tasks, trainers, metrics, penalties or suites that there are."""
    from .listing import show_list

    show_list(kind, as_json=json)


@app.command(short_help="Show an entrant's equations or data, settings and source.")
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A model, task, trainer, metric, penalty or suite, or FILE.py[:NAME]."
        ),
    ],
    json: AsJson = False,
) -> None:
    """Show an entrant's equations or data, its settings and its source."""
    from .listing import show_entrant

    show_entrant(name, as_json=json)


@app.command()
def check(
    name: Annotated[
        str,
        typer.Argument(
            help="A model, task, trainer, metric or penalty, NAME(setting=value), or "
            "FILE.py[:NAME] for what a file registers."
        ),
    ],
    json: AsJson = False,
    law_timeout: Annotated[
        float,
        typer.Option(
            min=0.001,
            metavar="SECONDS",
            help="A law without a verdict by then is broken, and the check ends.",
        ),
    ] = 300.0,
) -> None:
    """Hold one entrant to the conformance laws."""
    from .check import check_entrant

    check_entrant(name, as_json=json, law_timeout=law_timeout)


for group in (on_results, measuring):
    app.add_typer(group)
