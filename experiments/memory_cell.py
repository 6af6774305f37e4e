"""Does a continuous-time memory cell train, and is it one in continuous time?

    python experiments/memory_cell.py --starts 64 --json results/claims/memory_cell.json

Four questions, of single pairs of neurons that answer with their potentials as they
are; the tables go to `docs/claims/memory_cell.md` as printed (`--show` prints those of
a file that is there). Held out are 64 sequences of the task `cell`, 384 steps with
random pulses on 4 % of them.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nnarena.core.types import Example, Sequence
from nnarena.models.base import AbstractModel
from nnarena.models.memory_cell import MemoryCell
from nnarena.nn.parametrization import resolve
from nnarena.nn.unroll import unroll
from nnarena.tasks.base import SyntheticSplits
from nnarena.tasks.cell import Cell
from nnarena.training.gradient_descent import GradientDescent


SOLVED = 0.01
NOISES = (0.01, 0.05, 0.2)
DRAWS = 400
THESIS = {"start": "thesis", "steepness": 100.0, "solver": "euler", "unfolds": 2}
RECIPES: dict[str, dict[str, Any]] = {
    "the default": {},
    "half the steepness": {"steepness": 10.0},
    "steepness of the thesis": {"steepness": 100.0},
    "two steps": {"unfolds": 2},
    "explicit, two steps": {"solver": "euler", "unfolds": 2},
    "solver and steepness of the thesis": {**THESIS, "start": "random"},
}
TRAINING = {"steps": 400, "batch": 16, "learning_rate": 0.1, "length": 64, "rate": 0.1}


class Bare(AbstractModel):
    """A cell whose output is the answer."""

    cell: MemoryCell
    causal: bool = eqx.field(static=True, default=True)

    def __call__(self, sequence, *, key=None):
        """Returns the potentials."""
        del key  # nothing is drawn
        return unroll(self.cell, sequence).hs


def make(**numbers: Any) -> MemoryCell:
    """Returns one pair, driven by two inputs without a map between."""
    seed = jax.random.key(numbers.pop("seed", 0))
    return MemoryCell(2, 1, key=seed, **numbers)


def held_out(count: int = 64) -> Any:
    """Returns sequences that no training sees."""
    return jax.vmap(Cell().example)(jax.random.split(jax.random.key(2**31), count))


def thesis_sequences() -> Any:
    """Returns the two sequences that the thesis trained, chose and tested on."""
    pulses = np.zeros((2, 3, 128, 2), np.float32)
    for sequence in range(2):
        for block in range(3):
            pulses[sequence, block, 0, (block + sequence) % 2] = 1.0
    held = np.repeat(pulses[:, :, :1], 128, axis=2)
    parts = (pulses, held, np.ones((2, 3, 128), bool), np.ones((2, 3, 128), np.float32))
    xs, targets, counts, dts = (
        jnp.asarray(part.reshape(2, 384, *part.shape[3:])) for part in parts
    )
    return Example(Sequence(xs, dts), targets, counts)


@eqx.filter_jit
def potentials(cell: MemoryCell, examples: Any, *, refine: int = 1) -> jax.Array:
    """Returns the potentials at every step, each taken in `refine` equal parts."""

    def one(xs, dts):
        finer = jnp.repeat(xs, refine, axis=0), jnp.repeat(dts / refine, refine)
        return unroll(cell, Sequence(*finer)).hs[refine - 1 :: refine]

    return jax.vmap(one)(examples.question.xs, examples.question.dts)


def judge(hs: jax.Array, examples: Any) -> tuple[jax.Array, jax.Array]:
    """Returns the mean squared error, and the share of bits read wrong."""
    squares = jnp.mean((hs - examples.targets) ** 2, axis=-1)
    wrong = (hs[..., 0] > hs[..., 1]) != (examples.targets[..., 0] > 0.5)
    seen = examples.counts
    return jnp.mean(squares, where=seen), jnp.mean(wrong, where=seen)


def score(cell: MemoryCell, examples: Any, refine: int = 1) -> dict[str, float]:
    """Returns how one cell does."""
    error, wrong = judge(potentials(cell, examples, refine=refine), examples)
    return {"mse": float(error), "wrong_bits": float(wrong)}


def refinement() -> Iterator[dict[str, Any]]:
    """The same constants in finer and finer steps."""
    cases = [
        ("thesis", THESIS, {"solver": "euler"}, thesis_sequences()),
        ("default", {}, {"solver": "semi_implicit"}, held_out()),
    ]
    for name, numbers, stepping, examples in cases:
        for substeps in (1, 2, 4, 8, 32, "tsit5"):
            fixed = isinstance(substeps, int)
            solver = (
                {**stepping, "unfolds": min(substeps, 2)}
                if fixed
                else {"solver": substeps, "unfolds": 8, "rtol": 1e-5}
            )
            cell = make(**{**numbers, **solver})
            refine = max(substeps // 2, 1) if fixed else 1
            label = {"cell": name, "substeps": substeps}
            yield label | score(cell, examples, refine)


def settling(count: int = 1_000) -> Iterator[dict[str, Any]]:
    """Random potentials left alone for 30 time units: do they settle as one bit?"""
    starts = jax.random.uniform(jax.random.key(5), (count, 2), maxval=1.2)
    for name, numbers in (("thesis", THESIS | {"unfolds": 32}), ("default", {})):
        ready = resolve(make(**numbers))

        @jax.jit
        def settle(v, ready=ready):
            def step(_, v):
                return ready(v, jnp.zeros(2), jnp.float32(1.0))[0]

            return jax.lax.fori_loop(0, 30, step, v)

        ends = np.asarray(jax.vmap(settle)(starts))
        apart = np.abs(ends[:, 0] - ends[:, 1]) > 0.5
        kept = apart & (
            np.argmax(ends, axis=1) == np.argmax(np.asarray(starts), axis=1)
        )
        yield {
            "cell": name,
            "as_one_bit": float(apart.mean()),
            "as_the_larger": float(kept.mean()),
        }


def noisy(cell: MemoryCell, noise: float, *, key: jax.Array) -> MemoryCell:
    """Returns the cell with each of its nine numbers off by a random share."""
    leaves, structure = jax.tree.flatten(resolve(cell))
    shares = 1.0 + noise * jax.random.normal(key, (len(leaves), 1))
    moved = [leaf * share for leaf, share in zip(leaves, shares, strict=True)]
    return jax.tree.unflatten(structure, moved)


def tolerance(cells: dict[str, list[MemoryCell]]) -> Iterator[dict[str, Any]]:
    """How many cells still store bits when their numbers are off."""
    examples = held_out(16)
    for name, group in cells.items():
        for noise in NOISES:
            judged = []
            each = DRAWS // len(group)
            for index, cell in enumerate(group):
                keys = jax.random.split(jax.random.key(index), each)
                judged.append(_noisy_scores(cell, jnp.float32(noise), keys, examples))
            errors, wrong = (np.concatenate(part) for part in zip(*judged, strict=True))
            yield {
                "cell": name,
                "noise": noise,
                "draws": len(errors),
                "mse_median": float(np.median(errors)),
                "not_solved": float(np.mean(errors > SOLVED)),
                "a_bit_wrong": float(np.mean(wrong > 0.0)),
            }


@eqx.filter_jit
def _noisy_scores(cell: MemoryCell, noise: Any, keys: Any, examples: Any) -> Any:
    def one(key):
        return judge(potentials(noisy(cell, noise, key=key), examples), examples)

    return jax.vmap(one)(keys)


def train(numbers: dict[str, Any], starts: int) -> tuple[Any, list[list[float]]]:
    """Returns trained cells along an axis, and their validation scores by check."""
    task = Cell(length=TRAINING["length"], rate=TRAINING["rate"])
    splits = SyntheticSplits(validation=64, test=64).draw(key=jax.random.key(1))
    trainer = GradientDescent(
        steps=TRAINING["steps"],
        batch=TRAINING["batch"],
        learning_rate=TRAINING["learning_rate"],
        checks=8,
    )

    def build(key: jax.Array) -> Bare:
        return Bare(MemoryCell(2, 1, key=key, **{"start": "random", **numbers}))

    program = trainer.compile(build, task, splits, seeds=starts)
    state = program.start(jax.random.split(jax.random.key(0), starts))
    data_keys = jax.random.split(jax.random.key(3), starts)
    curve = []
    while not bool(jnp.all(state.stopped)):
        state, figures = program.advance(state, data_keys)
        curve.append(np.asarray(figures["validation_score"]).tolist())
    return program.best(state), curve


def with_solver(weights: Any, numbers: dict[str, Any]) -> MemoryCell:
    """Returns trained cells along an axis, with the solver of `numbers`."""
    structure = jax.tree.structure(make(**{**numbers, "start": "random"}))
    return jax.tree.unflatten(structure, jax.tree.leaves(weights))


@eqx.filter_jit
def errors_of(cells: MemoryCell, examples: Any, refine: int) -> jax.Array:
    """Returns the mean squared errors of cells along an axis."""

    def one(cell):
        return judge(potentials(cell, examples, refine=refine), examples)[0]

    return jax.vmap(one)(cells)


def learned(starts: int, found: list[MemoryCell]) -> Iterator[dict[str, Any]]:
    """What training makes of random starts; the default's solved ones are `found`."""
    examples = held_out()
    keys = jax.random.split(jax.random.key(0), starts)
    random = jax.vmap(lambda key: MemoryCell(2, 1, start="random", key=key))(keys)
    before = [errors_of(random, examples, refine) for refine in (1, 16)]
    yield row_of("untrained", {}, *before, [before[0]])
    for name, numbers in RECIPES.items():
        weights, curve = train(numbers, starts)
        cells = with_solver(weights, numbers)
        own, fine = (errors_of(cells, examples, refine) for refine in (1, 16))
        if name == "the default":
            solved = np.flatnonzero(np.asarray(own) <= SOLVED)
            found += [jax.tree.map(lambda x, at=at: x[at], cells) for at in solved]
        row = row_of(name, numbers, own, fine, curve)
        print({key: row[key] for key in COLUMNS["learned"]}, flush=True)
        yield row


def row_of(
    name: str, numbers: dict[str, Any], own: Any, fine: Any, curve: Any
) -> dict[str, Any]:
    """Returns one recipe's outcome."""
    own, fine = np.asarray(own), np.asarray(fine)
    return {
        "recipe": name,
        "numbers": numbers,
        "starts": len(own),
        "solved": float(np.mean(own <= SOLVED)),
        "of_those_in_16_times_finer_steps": share_kept(own, fine),
        "not_finite": float(np.mean(~np.isfinite(own))),
        "solved_by_check": (np.asarray(curve) <= SOLVED).mean(axis=1).tolist(),
        "mse": rounded(own),
        "mse_in_finer_steps": rounded(fine),
    }


def share_kept(own: np.ndarray, fine: np.ndarray) -> float | None:
    """Returns the share of solved cells that finer steps solve too, if any are."""
    solved = own <= SOLVED
    return float(np.mean(fine[solved] <= SOLVED)) if solved.any() else None


def rounded(numbers: Any) -> list[float | None]:
    """Returns three digits of each; nothing for what is not a number."""
    return [float(f"{x:.3g}") if np.isfinite(x) else None for x in numbers]


def measure(starts: int) -> dict[str, Any]:
    """Returns all four answers."""
    found: list[MemoryCell] = []
    results: dict[str, Any] = {
        "training": TRAINING,
        "solved_below": SOLVED,
        "refinement": list(refinement()),
        "settling": list(settling()),
        "learned": list(learned(starts, found)),
    }
    groups = {"thesis": [make(**THESIS)], "default": [make()]}
    if found:
        groups["trained from random starts"] = found[:20]
    results["tolerance"] = list(tolerance(groups))
    return results


COLUMNS = {
    "refinement": ("cell", "substeps", "mse", "wrong_bits"),
    "settling": ("cell", "as_one_bit", "as_the_larger"),
    "learned": (
        "recipe",
        "starts",
        "solved",
        "of_those_in_16_times_finer_steps",
        "not_finite",
    ),
    "tolerance": ("cell", "noise", "mse_median", "not_solved", "a_bit_wrong"),
}


def table(results: dict[str, Any], part: str) -> str:
    """Returns one part of the results as a table of Markdown."""
    columns = COLUMNS[part]
    lines = [[name.replace("_", " ") for name in columns], ["---"] * len(columns)]
    lines += [[written(row[name], name) for name in columns] for row in results[part]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written(value: Any, column: str) -> str:
    """Returns a value as it stands in a table."""
    if isinstance(value, float):
        return f"{value:.2g}" if column.startswith("mse") else f"{100 * value:.3g} %"
    return "" if value is None else str(value)


def main() -> None:
    """Measures, writes and prints; or prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=64)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", type=Path)
    given = parser.parse_args()
    if given.show:
        results = json.loads(given.show.read_text(encoding="utf-8"))
    else:
        results = measure(given.starts)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(results, indent=1, allow_nan=False)
        given.json.write_text(text + "\n", encoding="utf-8")
    print("\n\n".join(table(results, part) for part in COLUMNS))


if __name__ == "__main__":
    main()
