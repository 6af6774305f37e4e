"""The commands that measure or record something new; imported when they do it."""

from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson


measuring = typer.Typer()


@measuring.command(short_help="Record new data for a task from its simulator.")
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


@measuring.command(short_help="Time a training step, of a model of your own too.")
def bench(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONTENDER",
            help="NAME, NAME(setting=value), or FILE.py that registers some [all].",
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
        typer.Option(help="Folder for a trace of two steps, for ui.perfetto.dev."),
    ] = None,
    profile: Annotated[
        bool,
        typer.Option("--profile", help="Say where the time of a step goes, too."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Time a training step of contenders, a model of your own among them.

    Each runs as a worker of a suite does: in a process of its own, on one core. Use a
    quiet machine, and trust no difference below a tenth.
    """
    from .bench import bench_contenders

    bench_contenders(
        models or [],
        size or ["200,32,64"],
        rounds,
        trace,
        profile=profile,
        as_json=json,
    )
