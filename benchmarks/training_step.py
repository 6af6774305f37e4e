"""Training steps of contenders and of peers in other frameworks, in turns.

    benchmarks/training_step.py --torch PYTHON [--keras PYTHON] [NAME ...]
        [--size T,BATCH,HIDDEN]... [--rounds N] [--raw] [--plain] [--json FILE]
        [--baseline FILE]

`--torch` and `--keras` name the Python of an environment with
`benchmarks/peers/requirements.txt`. Each network has a process of its own, and all take
turns in the same minutes. Printed per contender and size, as time of the peer over
ours, median and quartiles of pairs:

    installed   the peer as it is installed, on all cores; ours on one core
    all cores   the peer as it is installed; ours with a thread per core
    one core    both pinned to one core with one thread, the allocator keeping memory

Eight inputs are brought to the layer's width by a linear map first, as contenders are
entered; with `--raw` (recurrent layers) they go in as they are. Layers that
PyTorch does not have are cells made fast, or with `--plain` as one reads them; neither
rescales gradients, and only the plain ones know of elapsed time. Compile time
is not in any of them; ours is printed beside. With `--baseline` the ratios are held to
a file of ratios: a row with one below half of its own is measured again in new
processes, since one process can be slow for as long as it lives (CI saw a GRU's at 1.7
times the time of ten others). A row that falls three times, or that could not be
measured, makes the exit code 1.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnarena.suite.bench import Order, Turns, TurnsProblem, order_turns, time_in_turns
from nnarena.suite.birth import birth_environment


SIZES = ["200,32,64", "784,64,128", "1000,32,64"]
PEERS = Path(__file__).parent / "peers"
SCRIPTS = {"torch": "torch_steps.py", "keras": "keras_steps.py"}
NAMES = {
    "torch": [
        *("lstm", "gru", "ct_rnn", "ct_gru", "ode_lstm", "exp_unitary", "cfc", "dnc"),
        *("transformer", "ncp"),
    ],
    "keras": ["lstm", "gru", "ct_rnn", "cfc", "ncp"],
}
PLAIN = {"torch": ["ct_rnn", "ct_gru", "ode_lstm", "exp_unitary"], "keras": []}
"""Layers of which there is a plain cell, too."""

WIRED = {"ncp": 18}
"""Units at which a wiring has 63 neurons; a peer's masked matrices fit no more."""

WIDE = 0.5
"""A ratio below so much of the baseline's is a change in speed, not noise."""

TRIES = 3
"""As often a ratio must fall, each time in new processes, before it counts."""


@dataclass(frozen=True)
class Row:
    """One contender against one peer at one size: quartiles of ratios by setting."""

    name: str
    peer: str
    size: tuple[int, int, int]
    ours_ms: float
    theirs_ms: float
    compile_seconds: float
    ratios: dict[str, tuple[float, float, float]]

    @property
    def key(self) -> str:
        return f"{self.peer} {self.name} {self.size}"


def pinned(command: Sequence[str]) -> list[str]:
    """Returns the command on the first core that there is."""
    core = min(os.sched_getaffinity(0))
    return [sys.executable, "-c", PIN.format(core=core), *command]


PIN = (
    "import os, sys; os.sched_setaffinity(0, {{{core}}}); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def compare(
    name: str,
    peer: str,
    python: str,
    size: tuple[int, int, int],
    rounds: int,
    raw: bool,
    plain: bool,
) -> Row:
    """Returns the ratios of one contender and one peer."""
    theirs = f"{name}_plain" if plain else name
    words = [python, str(PEERS / SCRIPTS[peer]), theirs, *map(str, size)]
    words += ["--raw"] if raw else []
    settings = {"embed": "none"} if raw else {}
    opened: list[Turns] = []
    try:
        for cores in ("one", "all"):
            order = Order(contender=name, settings=settings, size=size, cores=cores)
            opened.append(order_turns(order))
        opened.append(Turns(words))
        opened.append(Turns(pinned(words), birth_environment()))
        timing = time_in_turns(opened, rounds=rounds)
    finally:
        for process in opened:
            process.close()
    pairs = {"installed": (2, 0), "all cores": (2, 1), "one core": (3, 0)}
    one, _, installed, _ = (1e3 * timing.quartiles(i)[1] for i in range(4))
    return Row(
        name=name + " plain" * plain + " raw" * raw,
        peer=peer,
        size=size,
        ours_ms=one,
        theirs_ms=installed,
        compile_seconds=opened[0].about["compile_seconds"],
        ratios={
            setting: tuple(round(float(r), 3) for r in timing.ratios(*pair))
            for setting, pair in pairs.items()
        },
    )


def show(row: Row) -> None:
    """Prints a row of the table."""
    ratios = "   ".join(
        f"{middle:5.2f} [{low:.2f}, {high:.2f}]"
        for low, middle, high in row.ratios.values()
    )
    size = ", ".join(map(str, row.size))
    print(
        f"{row.name:21s} {row.peer:6s} {size:13s} {row.ours_ms:9.1f} "
        f"{row.theirs_ms:9.1f}   {ratios}   {row.compile_seconds:5.1f}",
        flush=True,
    )


def fallen(row: Row, baseline: dict) -> list[str]:
    """Says which ratios of a row are far below their baseline."""
    return [
        f"{row.key}, {setting}: {row.ratios[setting][1]:.2f}, but {low:.2f} before"
        for setting, (low, _, _) in baseline.get(row.key, {}).items()
        if row.ratios[setting][1] < WIDE * low
    ]


def main() -> None:
    """Prints the table; exits with 1 where a ratio has fallen."""
    given = arguments()
    sizes = [tuple(map(int, text.split(","))) for text in given.size or SIZES]
    print(
        "contender             peer   T, B, H         ours ms   peer ms"
        "   peer / ours: installed   all cores            one core   compile s"
    )
    baseline = json.loads(Path(given.baseline).read_text()) if given.baseline else {}
    rows, slow = [], False
    for size in sizes:
        for peer, python in (("torch", given.torch), ("keras", given.keras)):
            for name in given.names or NAMES[peer]:
                names = PLAIN if given.plain else NAMES
                if python is None or name not in names[peer]:
                    continue
                units = WIRED.get(name, size[2])
                try:
                    shape = (size[0], size[1], units)
                    form = given.rounds, given.raw, given.plain
                    for _ in range(TRIES):
                        row = compare(name, peer, python, shape, *form)
                        show(row)
                        below = fallen(row, baseline)
                        for sentence in below:
                            print(sentence, flush=True)
                        if not below:
                            break
                    rows.append(row)
                    slow |= bool(below)
                except (TurnsProblem, subprocess.SubprocessError) as problem:
                    print(f"{name} {peer} {size}: {problem}", flush=True)
                    slow |= bool(baseline)
    if given.json:
        ratios = {row.key: row.ratios for row in rows}
        Path(given.json).write_text(json.dumps(ratios, indent=1) + "\n")
    raise SystemExit(int(slow))


def arguments() -> argparse.Namespace:
    """Returns what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--torch", help="Python of an environment with torch and ncps")
    parser.add_argument("--keras", help="Python of one with tensorflow, keras, ncps")
    parser.add_argument("--size", action="append", help="T,BATCH,HIDDEN")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--raw", action="store_true", help="no linear map first")
    parser.add_argument("--plain", action="store_true", help="peers' cells as read")
    parser.add_argument("--json", help="file to write the ratios to")
    parser.add_argument("--baseline", help="file of ratios to hold these to")
    return parser.parse_args()


if __name__ == "__main__":
    main()
