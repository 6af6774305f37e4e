"""An echo state network against radius and leak: memory capacity, verdicts, figure.

    .venv/bin/python experiments/esn.py --measure    the capacities, a minute or two
    .venv/bin/python experiments/esn.py              tables and figure of what is there

Memory capacity (Jaeger 2001) is what a linear readout of the states can say of each
earlier input, summed over delays,

    MC = sum_k r^2(x_{t-k}, the best linear map of h_t),    k = 1 .. 200

of the contender `esn`, its settings but `radius` and `leak` at their defaults, fed with
independent numbers, even in [-0.8, 0.8]. Of each seed the weights and the inputs are
others. After a washout of 500 steps the readout is fitted to 10,000 by ridge regression
in float64, and r^2, a squared correlation, is that of the 5,000 that follow. A delay of
which nothing is known adds 1/5,000. The verdicts follow the rule of `esn.toml`, whose
records lie in `results/claims/esn`.
"""

import argparse
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nnarena.analysis.intervals import cell_interval, moments, weighted_ends
from nnarena.core.seeds import key_for
from nnarena.core.types import Features, Sequence, Signature, Values
from nnarena.models.contender import Contender
from nnarena.runs.store import DirectoryStore


ROOT = Path(__file__).parent.parent
SUITE = ROOT / "experiments/esn.toml"
STORE = ROOT / "results/claims/esn"
CAPACITIES = ROOT / "results/claims/esn_capacity.json"
MEASURE = {
    "units": 100,
    "seeds": [5, 6, 7, 8, 9],
    "amplitude": 0.8,
    "delays": 200,
    "washout": 500,
    "fitted": 10_000,
    "judged": 5_000,
    "strength": 1e-12,
}
EXPECTED = (0.8, 1.2)
"""The radii between which the top of a task of memory is expected."""

Scores = Mapping[float, np.ndarray]
"""Scores of seeds, by radius."""


@dataclass(frozen=True)
class Verdict:
    """Where a curve has its top, by the suite's rule.

    `level` are the radii that are not told apart from the top, itself among them.
    """

    top: float
    level: tuple[float, ...]

    @property
    def word(self) -> str:
        """Whether a top within `EXPECTED` agrees with that."""
        inside = [EXPECTED[0] <= radius <= EXPECTED[1] for radius in self.level]
        if all(inside):
            return "agrees"
        return "open" if any(inside) else "contradicts"


def settings() -> list[tuple[float, float]]:
    """Returns radius and leak of every model of the suite."""
    suite = tomllib.loads(SUITE.read_text(encoding="utf-8"))
    return [(model["radius"], model["leak"]) for model in suite["models"]]


def states(radius: float, leak: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the inputs `(seeds, time)` of networks, and their states."""
    contender = Contender("esn", {"radius": radius, "leak": leak})
    signature = Signature(Features(1), Values(1), "every step", causal=True)
    steps = MEASURE["washout"] + MEASURE["fitted"] + MEASURE["judged"]
    bound = MEASURE["amplitude"]

    @eqx.filter_jit
    def one(init_key: Any, data_key: Any) -> tuple[Any, Any]:
        model: Any = contender.build(signature, MEASURE["units"], key=init_key)
        inputs = jax.random.uniform(data_key, (steps, 1), minval=-bound, maxval=bound)
        return inputs[:, 0], model.hidden(Sequence(inputs))

    keys = (
        jnp.stack([key_for(part, seed, "capacity") for seed in MEASURE["seeds"]])
        for part in ("init", "data")
    )
    inputs, hidden = jax.vmap(one)(*keys)
    return np.asarray(inputs, np.float64), np.asarray(hidden, np.float64)


def capacity(inputs: np.ndarray, hidden: np.ndarray) -> float:
    """Returns the memory capacity that states `(time, units)` of inputs show."""
    first, fitted, delays = (MEASURE[n] for n in ("washout", "fitted", "delays"))
    past = np.stack(
        [inputs[first - k : len(inputs) - k] for k in range(1, delays + 1)], axis=1
    )
    now = hidden[first:]
    means = now[:fitted].mean(axis=0), past[:fitted].mean(axis=0)
    now, past = now - means[0], past - means[1]
    spread = now[:fitted].T @ now[:fitted] / fitted
    along = now[:fitted].T @ past[:fitted] / fitted
    weights = np.linalg.solve(spread + MEASURE["strength"] * np.eye(len(spread)), along)
    said, true = now[fitted:] @ weights, past[fitted:]
    said, true = said - said.mean(axis=0), true - true.mean(axis=0)
    products = np.sum(said * true, axis=0) ** 2
    sizes = np.sum(said**2, axis=0) * np.sum(true**2, axis=0)
    return float(np.sum(products / np.maximum(sizes, 1e-300)))


def measure() -> dict[str, Any]:
    """Returns the capacities of all seeds, by leak and radius."""
    rows = []
    for radius, leak in settings():
        given = states(radius, leak)
        found = [round(capacity(*one), 3) for one in zip(*given, strict=True)]
        rows.append({"leak": leak, "radius": radius, "capacity": found})
        print(rows[-1], flush=True)
    return {"measure": MEASURE, "capacities": rows}


def curves() -> dict[tuple[str, float], Scores]:
    """Returns what was measured of tasks, and as one of them the capacity, by leak.

    Scores of `narma` with the sign turned, so that more is better everywhere.
    """
    found: dict[tuple[str, float], dict[float, list[float]]] = {}
    for record in DirectoryStore(STORE):
        of, sign = record.identity, 1 if record.scoring.higher_is_better else -1
        given: dict[str, Any] = of.model.all_settings
        curve = found.setdefault((of.task.name, given["leak"]), {})
        assert record.result.test_score is not None, "no run of the suite diverged"
        score = sign * record.result.test_score
        curve.setdefault(given["radius"], []).append(score)
    for row in json.loads(CAPACITIES.read_text(encoding="utf-8"))["capacities"]:
        curve = found.setdefault(("capacity", row["leak"]), {})
        curve[row["radius"]] = row["capacity"]
    return {
        name: {radius: np.array(curve[radius]) for radius in sorted(curve)}
        for name, curve in sorted(found.items())
    }


def told_apart(one: np.ndarray, other: np.ndarray, *, tests: int) -> bool:
    """Whether the means of two samples differ by Welch's interval, for so many tests.

    Samples that do not vary have none, and go by their means.
    """
    values = np.stack([one, other], axis=1)
    ends = weighted_ends(
        moments(values),
        np.array([1.0, -1.0]),
        np.zeros(2, bool),
        confidence=1 - 0.05 / tests,
    )
    if np.isnan(ends.low):
        return bool(one.mean() != other.mean())
    return bool(ends.low > 0 or ends.high < 0)


def verdict(curve: Scores) -> Verdict:
    """Returns where a curve has its top, by the suite's rule."""
    tests = len(curve) * (len(curve) - 1) // 2
    top = max(curve, key=lambda radius: curve[radius].mean())
    level = [
        radius
        for radius, scores in curve.items()
        if radius == top or not told_apart(scores, curve[top], tests=tests)
    ]
    return Verdict(top, tuple(level))


def works(scores: np.ndarray, chance: float, *, curves: int) -> bool:
    """Whether the interval of a mean lies above chance, for so many curves."""
    ends = cell_interval(scores, confidence=1 - 0.05 / curves)
    return (scores.mean() if ends is None else ends.low) > chance


def verdict_table() -> str:
    """Returns the verdict on each curve as a table of Markdown."""
    chances = {
        record.identity.task.name: record.scoring.chance
        * (1 if record.scoring.higher_is_better else -1)
        for record in DirectoryStore(STORE)
    }
    return "\n".join(_verdict_rows(chances))


def _verdict_rows(chances: Mapping[str, float]) -> Iterator[str]:
    yield "| what | leak | top | not told apart from it | top at 0.8-1.2 | radius 3 |"
    yield "|---|---:|---:|---|---|---|"
    for (name, leak), curve in curves().items():
        found, last = verdict(curve), max(curve)
        others = ", ".join(f"{r:g}" for r in found.level if r != found.top) or "none"
        said = "not told apart" if last in found.level else "worse"
        if name in chances:
            able = works(curve[last], chances[name], curves=3 * len(chances))
            said += ", works" if able else ", does not work"
        cells = (name, f"{leak:g}", f"{found.top:g}", others, found.word, said)
        yield f"| {' | '.join(cells)} |"


def capacity_table() -> str:
    """Returns the memory capacities as a table of Markdown."""
    found = {leak: c for (name, leak), c in curves().items() if name == "capacity"}
    lines = [f"| radius | {' | '.join(f'leak {leak:g}' for leak in found)} |"]
    lines.append("|---:|" + "---:|" * len(found))
    for radius in next(iter(found.values())):
        cells = " | ".join(_mean(curve[radius]) for curve in found.values())
        lines.append(f"| {radius:g} | {cells} |")
    return "\n".join(lines)


def _mean(values: np.ndarray) -> str:
    ends = cell_interval(values)
    around = "" if ends is None else f" [{ends.low:.3g}, {ends.high:.3g}]"
    return f"{values.mean():.3g}{around}"


def main() -> None:
    """Measures, or prints the tables of what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--measure", action="store_true")
    if parser.parse_args().measure:
        text = json.dumps(measure(), indent=1, allow_nan=False)
        CAPACITIES.write_text(text + "\n", encoding="utf-8")
    else:
        print(verdict_table(), capacity_table(), sep="\n\n")


if __name__ == "__main__":
    main()
