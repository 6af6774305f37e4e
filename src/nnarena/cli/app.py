"""The commands and their help; what they do is imported only when they do it."""

from pathlib import Path
from typing import Annotated

import typer

from .on_results import on_results
from .options import (
    AsJson,
    Cores,
    Gpus,
    MemoryLimit,
    Models,
    On,
    Parameters,
    Results,
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
def record(
    what: Annotated[str, typer.Argument(help="walker.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder to record in.")],
    rollouts: Annotated[
        int, typer.Option(min=8, help="How many roll-outs; the task needs eight.")
    ] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Decides gaits and roll-outs.")] = 0,
    updates: Annotated[
        int, typer.Option(min=1, help="How long gaits are searched for.")
    ] = 100,
    stages: Annotated[
        int,
        typer.Option(min=1, help="Gaits taken along the search, the last included."),
    ] = 4,
) -> None:
    """Record new data for a task from its simulator (extra `walker`).

    Ends with the words by which the task reads it.
    """
    from .record import record_data

    record_data(what, out, rollouts=rollouts, seed=seed, updates=updates, stages=stages)


@app.command()
def bench(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CONTENDER]...",
            help="NAME, NAME(number=value), or FILE.py that registers some [all].",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(
            "--size",
            help="T,BATCH,HIDDEN, to be repeated [200,32,64].",
            show_default=False,
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed turns of each.")] = 9,
    trace: Annotated[
        Path | None,
        typer.Option(help="Folder for a profile of two steps, for ui.perfetto.dev."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Time a training step of contenders, a model of your own among them.

    Each runs as a worker of a suite does: in a process of its own, on one core. Use a
    quiet machine, and trust no difference below a tenth.
    """
    from .bench import bench_contenders

    bench_contenders(models or [], size or ["200,32,64"], rounds, trace, as_json=json)


app.add_typer(on_results)
