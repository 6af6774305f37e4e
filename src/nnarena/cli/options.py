"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer


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
        help="Models instead of the suite's: NAME, NAME(number=value), or FILE.py that "
        "registers some; several by commas or by repeating.",
    ),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--tasks",
        "-t",
        help="Tasks instead of the suite's: NAME or NAME(number=value).",
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
Results = Annotated[
    Path, typer.Option("--results", "-r", help="Folder that keeps the records of runs.")
]
ResultsArgument = Annotated[Path, typer.Argument(help="Folder of results.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", "-w", min=0, help="Worker processes [one per core]; 0: none."
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
