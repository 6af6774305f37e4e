"""Arguments and options that several commands have, with their help."""

from typing import Annotated

import typer


def _version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("neural-network-arena"))
        raise typer.Exit
    return wanted


Version = Annotated[
    bool,
    typer.Option("--version", callback=_version, is_eager=True, help="Print version."),
]
SuiteArgument = Annotated[
    str,
    typer.Argument(
        help="A suite of the package (see `arena list suites`) or FILE.toml."
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--models",
        "-m",
        help="Models instead of the suite's: NAME, with the settings that the suite "
        "gives it, NAME(setting=value), over its defaults, FILE.py for all that a file "
        "registers, or FILE.py:NAME(setting=value) for one of them; several by commas "
        "or by repeating.",
    ),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--tasks",
        "-t",
        help="Tasks instead of the suite's: NAME, NAME(setting=value), FILE.py or "
        "FILE.py:NAME(setting=value), as with --models.",
    ),
]
Trainer = Annotated[
    str | None,
    typer.Option(
        help="Trainer instead of the suite's: NAME, NAME(setting=value), FILE.py or "
        "FILE.py:NAME(setting=value). What it shares with the suite's (steps, batch, "
        "...) stays as the suite has it; contenders with one of their own keep it.",
    ),
]
Seeds = Annotated[
    int | None, typer.Option("--seeds", "-s", min=1, help="How many seeds.")
]
Parameters = Annotated[
    int | None,
    typer.Option(
        "--parameters", "-p", min=1, help="Budget: each width is solved to meet it."
    ),
]
Steps = Annotated[int | None, typer.Option(min=1, help="Training steps of every run.")]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="File that registers what is named elsewhere, to be repeated.",
    ),
]
RESULTS = "Folder that keeps the records of runs, or s3://BUCKET/PREFIX [results]."
Results = Annotated[
    str | None, typer.Option("--results", "-r", help=RESULTS, show_default=False)
]
ResultsArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RESULTS", help="The same as --results.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", "-w", min=0, help="Worker processes [one per core]; 0: none."
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="i/n",
        help="Only the piece i of n of the plan, counted from 1: one for each machine.",
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        help="Longest training of a run, as 90s, 30m or 2h; one that takes longer "
        "is recorded as failed."
    ),
]
MemoryLimit = Annotated[
    str | None,
    typer.Option(help="Largest memory of a worker process, as 4GiB or 500MB."),
]
On = Annotated[
    str | None,
    typer.Option(
        metavar="RAY",
        help="Run on a Ray cluster (extra `ray`): ray starts one here, ray:HOST:PORT "
        "is one that this machine is a node of, ray://HOST:PORT any other.",
    ),
]
Cores = Annotated[
    int | None, typer.Option(min=1, help="With --on: processor cores per run [1].")
]
Gpus = Annotated[
    float | None,
    typer.Option(min=0, help="With --on: GPUs per run, or a share of one [0]."),
]


def folder_of(results: str | None, argument: str | None = None) -> str:
    """Returns the folder of results that a command is about.

    Raises:
        typer.BadParameter: it was given twice, and not alike.
    """
    if results is not None and argument is not None and results != argument:
        raise typer.BadParameter(
            f"give one folder of results: {argument} or --results {results}"
        )
    return results or argument or "results"
