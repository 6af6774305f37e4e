"""How a peer takes its turns: the child's side of the speed benchmark.

    python torch_steps.py NAME T BATCH HIDDEN [--device cpu]

The child builds the network and its data, takes a few steps to warm up, and prints one
line of JSON, `{"ready": true, "first_step_seconds": ..., "parameters": ...}`. For every
line `N` that it then reads it takes N training steps and prints `{"seconds": ...}`, the
time of all of them. It ends with its input. Whatever else is printed, by a library for
instance, goes to standard error.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


FEATURES, OUTPUTS = 8, 8
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.01
WARM_UP = 2
"""Steps after the first and before the line "ready"."""


@dataclass(frozen=True)
class Sizes:
    """What is measured: steps of a sequence, sequences of a batch, units of a layer."""

    time: int
    batch: int
    hidden: int
    raw: bool = False

    @property
    def inputs(self) -> int:
        """What the layer reads: the features, or what a linear map made of them."""
        return FEATURES if self.raw else self.hidden


@dataclass(frozen=True)
class Peer:
    """A network that was built: `steps(n)` returns once n training steps are done."""

    steps: Callable[[int], None]
    parameters: int


def serve(names: list[str], build: Callable[[str, Sizes, str], Peer]) -> None:
    """Builds what the arguments ask for and takes turns until the input ends."""
    arguments = _arguments(names)
    say = _only_voice()
    sizes = Sizes(arguments.time, arguments.batch, arguments.hidden, arguments.raw)
    peer = build(arguments.name, sizes, arguments.device)
    first = _seconds(peer, 1)
    peer.steps(WARM_UP)
    say(ready=True, first_step_seconds=first, parameters=peer.parameters)
    for line in sys.stdin:
        say(seconds=_seconds(peer, int(line)))


def _arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Takes training steps: as many as each line of the input says."
    )
    parser.add_argument("name", choices=names, metavar="name", help=", ".join(names))
    parser.add_argument("time", type=int, help="steps of a sequence")
    parser.add_argument("batch", type=int, help="sequences of a batch")
    parser.add_argument("hidden", type=int, help="units of the layer")
    parser.add_argument("--device", default="cpu", help="as the framework names it")
    parser.add_argument("--raw", action="store_true", help="no linear map first")
    return parser.parse_args()


def _seconds(peer: Peer, steps: int) -> float:
    begun = time.perf_counter()
    peer.steps(steps)
    return time.perf_counter() - begun


def _only_voice() -> Callable[..., None]:
    """Returns what prints to standard output, and sends all else to standard error."""
    voice = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**words: object) -> None:
        print(json.dumps(words), file=voice, flush=True)

    return say
