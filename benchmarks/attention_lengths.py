"""What self-attention costs as sequences grow: the softmax beside those that save.

    benchmarks/attention_lengths.py [NAME ...] [--lengths T,T,...] [--rounds N]
        [--limit SLOPE] [--figure FILE.svg or FILE.png]

Forward and backward of the attention of one block with its projections, one sequence of
64 features, two heads, at the contenders' own settings, on one core, lengths and
contenders in turn. Prints milliseconds (medians), megabytes of the compiled program at
the longest, and the slope of log time over log length, fitted to the longer half of the
lengths, where what a call costs by itself is little. 1 is in proportion to the length,
2 to its square. With `--limit` a slope of `linear_attention` or `performer` above it
exits with 1.
"""

import argparse
import os
import sys

from nnarena.suite.birth import birth_environment


if "MALLOC_ARENA_MAX" not in os.environ:  # to be born as a suite's worker is
    os.execve(sys.executable, [sys.executable, *sys.argv], birth_environment())

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import altair as alt
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nnarena.models.contender import Contender
from nnarena.report.export import DRAWN, LOOK, WIDTH
from nnarena.suite.training_step import cpu_seconds
from nnarena.suite.worker import pin_to_core
from nnarena.training.base import program_bytes


NAMES = {
    "transformer": {},
    "linear_attention": {},
    "linear_attention, causal": {"causal": True},
    "performer": {},
    "performer, causal": {"causal": True},
    "local_attention": {},
    "longformer": {},
    "bigbird": {},
    "linformer": {"longest": 4_096},
}
"""Contenders with the settings in which they are measured."""

LINEAR = ("linear_attention", "performer")
"""Those whose slope is held to a limit, causal or not."""

LENGTHS = "256,512,1024,2048,4096"
FEATURES = 64


def attention_of(name: str) -> Any:
    """Returns the attention of one block of a contender."""
    make = Contender(name.split(",")[0]).entry.make
    layer: Any = make(FEATURES, FEATURES, key=jax.random.key(0), **NAMES[name])
    return layer.blocks[0].attention


def program(name: str, length: int) -> tuple[Callable[[int], None], int]:
    """Returns what takes so many gradients, and the bytes of its program."""
    attention = attention_of(name)
    xs = jax.random.normal(jax.random.key(1), (length, FEATURES))
    weights, rest = eqx.partition(attention, eqx.is_inexact_array)

    def loss(both: Any) -> jax.Array:
        weights, xs = both
        found = eqx.combine(weights, rest)(xs, jnp.arange(float(length)))
        return jnp.mean(found**2)

    compiled = jax.jit(jax.grad(loss)).lower((weights, xs)).compile()

    def run(count: int) -> None:
        for _ in range(count):
            jax.block_until_ready(compiled((weights, xs)))

    run(1)
    return run, program_bytes(compiled) or 0


def slope(lengths: list[int], seconds: list[float]) -> float:
    """Returns the slope of log time over log length, of the longer half of lengths."""
    later = len(lengths) // 2
    times = np.log(seconds[later:])
    return float(np.polyfit(np.log(lengths[later:]), times, 1)[0])


def measured(
    names: list[str], lengths: list[int], rounds: int
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Returns seconds by contender and length, and bytes at the longest."""
    made = {
        (name, length): program(name, length) for name in names for length in lengths
    }
    counts = {
        key: max(1, round(0.05 / cpu_seconds(run, 1))) for key, (run, _) in made.items()
    }
    seen: dict[tuple[str, int], list[float]] = {key: [] for key in made}
    for _ in range(rounds):
        for key, (run, _) in made.items():
            seen[key].append(cpu_seconds(run, counts[key]))
    seconds = {
        name: [float(np.median(seen[name, length])) for length in lengths]
        for name in names
    }
    return seconds, {name: made[name, lengths[-1]][1] for name in names}


def draw(path: Path, lengths: list[int], seconds: Mapping[str, list[float]]) -> None:
    """Draws milliseconds over lengths, both by their logarithms."""
    rows = [
        {"contender": name, "steps": length, "ms": 1e3 * second}
        for name, times in seconds.items()
        for length, second in zip(lengths, times, strict=True)
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "steps:Q",
            title="steps of the sequence",
            scale=alt.Scale(type="log", nice=False, padding=12),
            axis=alt.Axis(values=lengths, format="~g", labelOverlap=False),
        ),
        y=alt.Y(
            "ms:Q",
            title="ms, forward and backward",
            scale=alt.Scale(type="log", nice=False, padding=12),
            axis=alt.Axis(format="~g"),
        ),
        color=alt.Color("contender:N", title=None, sort=list(seconds)),
    )
    shape = alt.Shape("contender:N", legend=None, sort=list(seconds))
    chart = alt.layer(
        base.mark_line(strokeWidth=2),
        base.mark_point(size=40, filled=True).encode(shape=shape),
    ).properties(width=WIDTH, height=300)
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = chart.to_dict() | {"config": LOOK}
    path.write_bytes(DRAWN[path.suffix.removeprefix(".")](spec))


def main() -> None:
    """Prints a line per contender; exits with 1 where a slope is above the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--lengths", default=LENGTHS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=float("inf"))
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    lengths = [int(length) for length in given.lengths.split(",")]
    pin_to_core(0)  # or threads that wait for work would be counted as work
    seconds, size = measured(given.names or list(NAMES), lengths, given.rounds)
    heads = " ".join(f"{length:>9d}" for length in lengths)
    print(f"{'contender':26s}{heads}   slope  MB at {lengths[-1]}")
    slow = False
    for name, times in seconds.items():
        found = slope(lengths, times)
        above = name.split(",")[0] in LINEAR and found > given.limit
        slow |= above
        print(
            f"{name:26s}{' '.join(f'{1e3 * one:9.2f}' for one in times)}   {found:5.2f}"
            f"  {size[name] / 1e6:8.1f}{' above the limit' if above else ''}"
        )
    if given.figure:
        draw(given.figure, lengths, seconds)
    raise SystemExit(int(slow))


if __name__ == "__main__":
    main()
