"""`arena bench`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.table import Table

from ..models import MODELS
from ..suite.bench import Order, TurnsProblem, order_turns, time_in_turns
from ..suite.profile import KINDS, Kind
from .console import guarded, news, out, print_json, refuse
from .request import chosen_contenders


@dataclass(frozen=True)
class Line:
    """What was measured of one contender at one size."""

    contender: str
    size: tuple[int, int, int]
    parameters: int
    compile_seconds: float
    step_seconds: tuple[float, float, float]
    bytes: int | None
    matmul_gflops: float | None
    product_gflops: float
    trace: str | None
    profile: dict[Kind, float] | None

    @property
    def share(self) -> float | None:
        """Of the rate of the machine's product of this size, the part reached."""
        rate = self.matmul_gflops
        return None if rate is None else rate / self.product_gflops


@guarded
def bench_contenders(
    models: Sequence[str],
    sizes: Sequence[str],
    rounds: int,
    trace: Path | None,
    *,
    profile: bool,
    as_json: bool,
) -> None:
    """Times a training step of each contender at each size, one after another."""
    shapes = [parse_size(text) for text in sizes]
    names = sorted(entry.name for entry in MODELS if entry.family != "guest")
    chosen, plugins = chosen_contenders(list(models) or names)
    lines, broken = [], 0
    for size in shapes:
        for contender in chosen:
            news.print(f"{contender.name} {size} ...", markup=False)
            try:
                order = Order(
                    contender=contender.name,
                    settings=contender.given,
                    size=size,
                    plugins=tuple(plugins),
                    trace=None if trace is None else str(trace / contender.name),
                    profile=profile,
                )
                lines.append(measure(order, rounds))
            except TurnsProblem as problem:
                broken += 1
                news.print(f"{contender.name} {size}: {problem}", style="red")
    for line in lines:
        if line.trace:
            news.print(f"{line.contender}: open {line.trace} at ui.perfetto.dev")
    if as_json:
        print_json([{**asdict(line), "share": line.share} for line in lines])
    else:
        out.print(table(lines))
        if profile:
            out.print(profile_table(lines))
    if broken:
        raise typer.Exit(1)


def parse_size(text: str) -> tuple[int, int, int]:
    """Returns the three numbers of T,BATCH,HIDDEN."""
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdigit() for part in parts):
        raise refuse(f"--size {text}: give three numbers, T,BATCH,HIDDEN: 200,32,64")
    length, batch, hidden = (int(part) for part in parts)
    if min(length, batch, hidden) < 1:
        raise refuse(f"--size {text}: each number must be at least 1")
    return length, batch, hidden


def measure(order: Order, rounds: int) -> Line:
    """Returns what one contender's training step takes."""
    turns = order_turns(order)
    try:
        timing, about = time_in_turns([turns], rounds=rounds), turns.about
    finally:
        turns.close()
    low, middle, high = (float(s) for s in timing.quartiles(0))
    flops = about["matmul_flops"]
    return Line(
        contender=order.contender,
        size=order.size,
        parameters=about["parameters"],
        compile_seconds=about["compile_seconds"],
        step_seconds=(low, middle, high),
        bytes=about["bytes"],
        matmul_gflops=None if flops is None else flops / middle / 1e9,
        product_gflops=about["product_gflops"],
        trace=about.get("trace"),
        profile=about.get("profile"),
    )


def table(lines: Sequence[Line]) -> Table:
    """Returns the measured lines as a table."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("model")
    shown.add_column("T, batch, hidden")
    columns = "parameters", "ms per step", "quartiles", "compile s", "MB"
    for name in (*columns, "GFLOP/s", "of product's"):
        shown.add_column(name, justify="right")
    for line in lines:
        low, middle, high = (f"{1e3 * s:.1f}" for s in line.step_seconds)
        rate, share = line.matmul_gflops, line.share
        shown.add_row(
            line.contender,
            ", ".join(str(number) for number in line.size),
            f"{line.parameters:,}",
            middle,
            f"{low} - {high}",
            f"{line.compile_seconds:.1f}",
            "-" if line.bytes is None else f"{line.bytes / 1e6:.0f}",
            "-" if rate is None else f"{rate:.1f}",
            "-" if share is None else f"{100 * share:.0f} %",
        )
    shown.caption = CAPTION
    shown.caption_justify = "left"
    return shown


def profile_table(lines: Sequence[Line]) -> Table:
    """Returns where the time of the measured steps went."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("model")
    shown.add_column("T, batch, hidden")
    for kind in KINDS:
        shown.add_column(f"{kind} %", justify="right")
    for line in lines:
        size = ", ".join(str(number) for number in line.size)
        parts = (line.profile or {}).values()
        shown.add_row(line.contender, size, *(f"{100 * part:.0f}" for part in parts))
    shown.caption = PROFILE_CAPTION
    shown.caption_justify = "left"
    return shown


PROFILE_CAPTION = (
    "Of the time of a traced step: matrix products; arithmetic, functions and sums of "
    "elements; writing what each time step leaves into the arrays of all; moving and "
    "filling with zeros; the way from one operation to the next."
)

CAPTION = (
    "A training step: loss, gradient, clipping, AdamW; one core and one thread, as a "
    "worker of a suite. MB: what the program asks for. GFLOP/s: of matrix products, "
    "beside what (batch, hidden) @ (hidden, hidden) in a loop reaches here."
)
