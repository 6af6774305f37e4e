"""Sums on a CPU by YNNPACK, to which XLA leaves them, and by XLA's own loops.

    benchmarks/sums.py

Microseconds of each on one core, in turn (medians), and XLA's over YNNPACK's: columns
of an array, rows of several lengths, the same of a product, and what a layer norm and a
softmax make of it. `nnarena.training.compiling` chooses by these figures.
"""

import os
import sys

from nnarena.suite.birth import birth_environment


if "MALLOC_ARENA_MAX" not in os.environ:  # to be born as a suite's worker is
    os.execve(sys.executable, [sys.executable, *sys.argv], birth_environment())

import math
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from nnarena.core.compiling import ONE_THREAD
from nnarena.suite.worker import pin_to_core
from nnarena.training.compiling import OWN_SUMS


ROUNDS = 7
COLUMNS = [(32, 8, 64), (64, 8, 128), (1024, 8, 128), (32, 32, 64), (32, 100, 64)]
ROWS = [(512, 16), (512, 32), (512, 64), (6400, 32), (6400, 64), (50176, 128)]
SCORES = [(512, 16), (3200, 50), (6400, 100), (12800, 200)]


def layer_norm(x: jax.Array) -> jax.Array:
    variance = jnp.var(x, axis=1, keepdims=True)
    return (x - jnp.mean(x, axis=1, keepdims=True)) * jax.lax.rsqrt(variance + 1e-5)


def measure(function: Callable, shapes: list[tuple[int, ...]]) -> np.ndarray:
    """Returns the microseconds of one call by YNNPACK and by XLA."""
    keys = jax.random.split(jax.random.key(0), len(shapes))
    arrays = [jax.random.normal(k, s) for k, s in zip(keys, shapes, strict=True)]

    def repeat(count, arrays):
        def again(_, carry):
            (first, *others), results = carry
            results = results + function(first, *others)
            # The input changes a little, so that no turn can be left out.
            shift = 1e-20 * jnp.ravel(results)[0]
            return [first.at[(0,) * first.ndim].add(shift), *others], results

        start = arrays, jnp.zeros_like(function(*arrays))
        return jax.lax.fori_loop(0, count, again, start)[1]

    lowered = jax.jit(repeat).lower(jnp.int32(1), arrays)
    options = [ONE_THREAD, {**ONE_THREAD, **OWN_SUMS}]
    programs = [lowered.compile(compiler_options=option) for option in options]

    def seconds(program, count):
        begun = time.perf_counter()
        jax.block_until_ready(program(jnp.int32(count), arrays))
        return (time.perf_counter() - begun) / count

    seconds(programs[0], 1)
    count = max(1, round(0.04 / seconds(programs[0], 3)))
    rounds = [[seconds(program, count) for program in programs] for _ in range(ROUNDS)]
    return 1e6 * np.median(rounds, axis=0)


def summed(*factors: jax.Array) -> jax.Array:
    return jnp.sum(math.prod(factors[1:], start=factors[0]), axis=1)


def main() -> None:
    """Prints a line per kind of sum and shape."""
    pin_to_core(0)
    cases: list[tuple[str, Callable, list[tuple[int, ...]]]] = []
    for shape in COLUMNS + ROWS:
        kind = "columns" if shape in COLUMNS else "rows"
        cases += [(kind, summed, [shape]), ("... of a product", summed, [shape] * 2)]
    cases += [("layer norm", layer_norm, [shape]) for shape in ROWS]
    cases += [("softmax", jax.nn.softmax, [shape]) for shape in SCORES]
    print(f"{'':18}{'shape':>16}{'numbers':>10}{'YNNPACK':>10}{'XLA':>10}{'ratio':>7}")
    for name, function, shapes in cases:
        ynnpack, own = measure(function, shapes)
        shape = "x".join(map(str, shapes[0]))
        times = f"{ynnpack:10.1f}{own:10.1f}{own / ynnpack:7.2f}"
        print(f"{name:18}{shape:>16}{math.prod(shapes[0]):>10,}{times}", flush=True)


if __name__ == "__main__":
    main()
