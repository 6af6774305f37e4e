"""Where the time of a training step goes, by kinds of operations, from its trace.

    products      matrix products
    elementwise   functions and arithmetic of every element, and sums
    stacking      writing what a step leaves, for the answer or for its gradient,
                  into the arrays of all steps
    copying       moving, cutting and joining, and filling with zeros
    between       going from one operation to the next, and being traced

Operations are small here: a trace takes some hundred nanoseconds of each, so that the
parts of a traced step are not exactly those of one that is not.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import jax

from .training_step import TrainingStep


Kind = Literal["products", "elementwise", "stacking", "copying", "between"]
KINDS: tuple[Kind, ...] = get_args(Kind)

INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = .+? ([a-z][\w\-]*)\(")
COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) .*\{\s*$")
CALLED = re.compile(r"(?:calls|to_apply)=%?([\w.\-]+)")

PRODUCTS = frozenset({"dot", "convolution"})
MOVING = frozenset(
    {
        *("parameter", "constant", "copy", "broadcast", "bitcast", "reshape", "pad"),
        *("transpose", "slice", "dynamic-slice", "concatenate", "iota", "tuple"),
        *("get-tuple-element", "gather", "reverse", "bitcast-convert"),
    }
)
AROUND = frozenset({"while", "conditional", "call"})
"""Operations that hold others: what is theirs alone is time between those."""


def trace(step: TrainingStep, folder: Path) -> Path:
    """Profiles two steps; returns the file for ui.perfetto.dev."""
    with jax.profiler.trace(str(folder), create_perfetto_trace=True):
        step.run(2)
    files = folder.glob("plugins/profile/*/perfetto_trace.json.gz")
    return max(files, key=lambda path: path.stat().st_mtime)


def shares(program: str, file: Path) -> dict[Kind, float]:
    """Returns the part of a step's time that each kind of operation took.

    `program` is the text of the compiled program, `file` a trace of it.
    """
    kinds, spent = operation_kinds(program), dict.fromkeys(KINDS, 0.0)
    for name, microseconds in own_times(_events(file)):
        if "wait for completion" not in name:
            spent[kinds.get(name, "between")] += microseconds
    total = sum(spent.values())
    return {kind: spent[kind] / total if total else 0.0 for kind in KINDS}


def operation_kinds(program: str) -> dict[str, Kind]:
    """Returns the kind of every instruction of a compiled program, by its name."""
    inside: dict[str, set[str]] = {}
    found: list[tuple[str, str, str | None]] = []
    computation = ""
    for line in program.splitlines():
        if match := INSTRUCTION.match(line):
            name, operation = match.groups()
            called = CALLED.search(line)
            inside.setdefault(computation, set()).add(operation)
            found.append((name, operation, called and called[1]))
        elif match := COMPUTATION.match(line):
            computation = match[1]
    return {
        name: _kind(inside.get(called or "", set()) | {operation})
        for name, operation, called in found
    }


def _kind(operations: set[str]) -> Kind:
    """Returns what an instruction is that consists of these operations."""
    if operations & AROUND:
        return "between"
    if operations & PRODUCTS:
        return "products"
    if "dynamic-update-slice" in operations:
        return "stacking"
    return "copying" if operations <= MOVING | {"fusion"} else "elementwise"


def own_times(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """Yields the name of each event with its microseconds, less those within it."""
    for thread in _by_thread(events):
        open_: list[list] = []  # name, end, own time
        for event in sorted(thread, key=lambda e: (e["ts"], -e["dur"])):
            while open_ and open_[-1][1] <= event["ts"]:
                name, _, own = open_.pop()
                yield name, own
            if open_:
                open_[-1][2] -= event["dur"]
            open_.append([event["name"], event["ts"] + event["dur"], event["dur"]])
        for name, _, own in open_:
            yield name, own


def _by_thread(
    events: Sequence[Mapping[str, Any]],
) -> Iterator[list[Mapping[str, Any]]]:
    """Yields the events of each thread of XLA, where a program's operations run."""
    ours = {
        event["tid"]
        for event in events
        if event.get("name") == "thread_name"
        and event["args"]["name"].startswith("tf_XLA")
    }
    for tid in sorted(ours):
        yield [e for e in events if e.get("ph") == "X" and e["tid"] == tid]


def _events(file: Path) -> list[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        return json.load(stream)["traceEvents"]
