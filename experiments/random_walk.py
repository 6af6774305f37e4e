"""Does the log of a gradient's norm walk at random through a deep stack?

    python experiments/random_walk.py            measures, and writes file, figure, page
    python experiments/random_walk.py --table    writes figure and page from the file

A random vector goes back through a stack of random layers h <- f(g h @ W) of equal
size, W normal with variance 1 / size, that a random input went through forwards. The
layers nearest the input, `SETTLING` of them, only settle the activations and are not
counted. Nothing is trained.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import altair as alt
import numpy as np
from scipy.special import digamma

from nnarena.nn.initializers import Through, walk_gain
from nnarena.report.export import DRAWN, LOOK


ROOT = Path(__file__).parents[1]
FILE = ROOT / "results/claims/random_walk.json"
FIGURE = ROOT / "docs/figures/random_walk.svg"
PAGE = ROOT / "docs/claims/random_walk.md"
START, END = "<!-- walks -->\n", "<!-- end -->"
DEPTH, SETTLING, WALKS, SHOWN, EVERY, SEED = 200, 50, 1_000, 12, 10, 0
SIZES = (20, 100)
USUAL = {"linear": 1.0, "relu": math.sqrt(2.0), "tanh": 1.0}
"""The gains that keep the mean square, of the norm or of what it is at rest."""

SEARCHED = {20: 1_000, 50: 1_000, 100: 1_000, 200: 300}
"""Sizes at which the gain of tanh is searched, and by how many walks."""

TRIED = (0.9, 1.0, 1.1)
"""Shares of the gain's distance from 1 that are tried in the search."""


def passed(a: np.ndarray, through: Through) -> tuple[np.ndarray, np.ndarray]:
    """Returns what a layer makes of sums, and its slopes."""
    if through == "tanh":
        h = np.tanh(a)
        return h, 1.0 - h**2
    if through == "relu":
        return np.maximum(a, 0.0), (a > 0.0).astype(a.dtype)
    return a, np.ones_like(a)


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Returns normal numbers of single precision."""
    return rng.standard_normal(shape, dtype=np.float32)


def walks(
    through: Through, size: int, gains: Sequence[float], *, count: int, chunk: int = 10
) -> np.ndarray:
    """Returns ln |d_0| / |d_L| after L layers backwards, as (L, walks, gains).

    All gains have the same matrices and vectors. The activations of a stack without
    tanh are scaled between layers, which its slopes do not feel.
    """
    rng = np.random.default_rng(SEED)
    g = np.asarray(gains, np.float32)[:, None]
    found = []
    for _ in range(count // chunk):
        weights = normal(rng, SETTLING + DEPTH, chunk, size, size) / np.float32(
            math.sqrt(size)
        )
        h = np.repeat(normal(rng, chunk, 1, size), len(gains), axis=1)
        slopes = []
        for weight in weights:
            h, slope = passed(g * (h @ weight), through)
            if through != "tanh":
                h = h / np.sqrt(np.mean(h**2, axis=-1, keepdims=True))
            slopes.append(slope)
        d = np.repeat(normal(rng, chunk, 1, size), len(gains), axis=1)
        d, logs = d / np.linalg.norm(d, axis=-1, keepdims=True), [0.0 * d[..., 0]]
        layers = list(zip(weights, slopes, strict=True))[SETTLING:]
        for weight, slope in reversed(layers):
            d = g * ((slope * d) @ np.swapaxes(weight, 1, 2))
            norm = np.linalg.norm(d, axis=-1)
            logs.append(logs[-1] + np.log(norm))
            d = d / norm[..., None]
        found.append(np.stack(logs))
    return np.concatenate(found, axis=1).astype(np.float64)


def measured() -> Iterator[dict[str, Any]]:
    """Yields what the walks of each stack come to, at the usual gain and the other."""
    for through in get_args(Through):
        for size in SIZES:
            gains = (USUAL[through], walk_gain(size, through))
            found = walks(through, size, gains, count=WALKS)
            for index, gain in enumerate(gains):
                own = found[::EVERY, :, index]
                yield {
                    "through": through,
                    "units": size,
                    "start": ("usual", "random walk")[index],
                    "gain": round(gain, 4),
                    "mean": digits(own.mean(axis=1)),
                    "deviation": digits(own.std(axis=1, ddof=1)),
                    "walks": [digits(walk) for walk in own.T[:SHOWN]],
                }


def searched() -> Iterator[dict[str, Any]]:
    """Yields the gains of tanh at which the mean walk is level, by interpolation."""
    for size, count in SEARCHED.items():
        near = walk_gain(size, "tanh") - 1.0
        gains = np.array([1.0 + share * near for share in TRIED])
        ends = walks("tanh", size, gains.tolist(), count=count)[-1]
        slope, offset = np.polyfit(gains, ends.mean(axis=0), 1)
        error = ends.std(axis=0, ddof=1).mean() / math.sqrt(count) / slope
        yield {
            "units": size,
            "walks": count,
            "level at": round(float(-offset / slope), 4),
            "standard error": round(float(error), 4),
            "formula": round(1.0 + near, 4),
        }


def digits(values: np.ndarray) -> list[float]:
    """Returns numbers with three digits behind the point."""
    return [round(float(value), 3) for value in values]


def foreseen(row: dict[str, Any]) -> float:
    """Returns the mean walk of a linear stack: L (ln g + E ln sqrt(chi^2_N / N))."""
    half = row["units"] / 2.0
    return DEPTH * (math.log(row["gain"]) + 0.5 * (digamma(half) - math.log(half)))


def table(results: dict[str, Any]) -> Iterator[str]:
    """Yields the lines of the page's tables."""
    yield "| through | units | gain | mean ± standard error | foreseen | deviation |"
    yield "|---|---:|---:|---:|---:|---:|"
    for row in results["stacks"]:
        error = row["deviation"][-1] / math.sqrt(results["walks"])
        known = f"{foreseen(row):.2f}" if row["through"] == "linear" else ""
        yield (
            f"| {row['through']} | {row['units']} | {row['gain']:.4f} "
            f"| {row['mean'][-1]:.2f} ± {error:.2f} | {known} "
            f"| {row['deviation'][-1]:.2f} |"
        )
    yield ""
    yield "| units | walks | tanh is level at ± standard error | formula |"
    yield "|---:|---:|---:|---:|"
    for row in results["searched"]:
        yield (
            f"| {row['units']} | {row['walks']:,} | {row['level at']:.3f} ± "
            f"{row['standard error']:.3f} | {row['formula']:.3f} |"
        )


def renewed(text: str, results: dict[str, Any]) -> str:
    """Returns a page with its tables written anew."""
    head, _, rest = text.partition(START)
    _, _, tail = rest.partition(END)
    return head + START + "\n".join(table(results)) + "\n" + END + tail


def drawn(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the points of the figure, of the widest stacks: of means, and of walks."""
    for stack in results["stacks"]:
        if stack["units"] != max(SIZES):
            continue
        panel = {"through": stack["through"], "start": stack["start"]}
        spreads = zip(stack["mean"], stack["deviation"], strict=True)
        for index, (mean, deviation) in enumerate(spreads):
            at, reach = {**panel, "layers": index * EVERY}, 1.96 * deviation
            yield {**at, "mean": mean, "low": mean - reach, "high": mean + reach}
            for number, walk in enumerate(stack["walks"]):
                yield {**at, "walk": number, "log": walk[index]}


def figure(results: dict[str, Any]) -> dict[str, Any]:
    """Returns the specification of the figure: some walks, their mean, 95 % of all."""
    order = ["usual", "random walk"]
    scale = alt.Scale(domain=order, range=["#c44e52", "#4c72b0"])
    x = alt.X("layers:Q", title="layers backwards", axis=alt.Axis(tickCount=4))
    base = alt.Chart().encode(x=x, color=alt.Color("start:N", scale=scale))
    of_all = base.transform_filter("isValid(datum.mean)")
    y = alt.Y("low:Q", title="ln |d| at the end / at the start")
    layers = alt.layer(
        of_all.mark_area(opacity=0.15).encode(y=y, y2="high:Q"),
        base.transform_filter("isValid(datum.log)")
        .mark_line(strokeWidth=0.6, opacity=0.5)
        .encode(y="log:Q", detail="walk:N"),
        of_all.mark_line(strokeWidth=2.5).encode(y="mean:Q"),
        data=alt.Data(values=list(drawn(results))),
    ).properties(width=200, height=220)
    column = alt.Column("through:N", title=None, sort=list(get_args(Through)))
    return layers.facet(column=column).to_dict(validate=False) | {"config": LOOK}


def main() -> None:
    """Measures what is asked for, and writes file, figure and page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", action="store_true", help="measure nothing")
    if not parser.parse_args().table:
        results = {
            **{"depth": DEPTH, "settling": SETTLING, "walks": WALKS, "every": EVERY},
            **{"stacks": list(measured()), "searched": list(searched())},
        }
        FILE.write_text(json.dumps(results) + "\n", encoding="utf-8")
    results = json.loads(FILE.read_text(encoding="utf-8"))
    FIGURE.parent.mkdir(exist_ok=True)
    FIGURE.write_bytes(DRAWN["svg"](figure(results)))
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), results), "utf-8")


if __name__ == "__main__":
    main()
