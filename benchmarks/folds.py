"""The three forms of a fold: which one a machine takes, and at what cost.

    benchmarks/folds.py [T BATCH HIDDEN ...]

Outputs, and outputs with gradients to weights and inputs, of a minimal gated recurrence
(one product of gates and one of values, h_t = k_t h_{t-1} + v_t) over a batch, on one
core in turn. Prints milliseconds of the processor, their ratio to the scan (median and
quartiles of pairs), and which form `nnarena.nn.fold.best_form` takes here.
"""

import argparse
import os
import sys

from nnarena.suite.birth import birth_environment


if "MALLOC_ARENA_MAX" not in os.environ:  # to be born as a suite's worker is
    os.execve(sys.executable, [sys.executable, *sys.argv], birth_environment())

from collections.abc import Callable
from typing import Any, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nnarena.core.compiling import filter_jit
from nnarena.core.types import Sequence
from nnarena.models.base import AbstractFold
from nnarena.nn.fold import Form, best_form, unroll_fold
from nnarena.suite.training_step import Size, cpu_seconds
from nnarena.suite.worker import pin_to_core


SIZES = [(50, 32, 64), (200, 32, 64), (784, 16, 64), (2000, 8, 32), (2000, 1, 64)]
FEATURES = 8
ROUNDS = 7


class Gated(AbstractFold):
    """h_t = k_t h_{t-1} + (1 - k_t) x_t W with k_t = sigmoid(-x_t U)."""

    gates: jax.Array
    values: jax.Array
    hidden_size: int = eqx.field(static=True)

    def __init__(self, hidden: int):
        self.hidden_size = hidden
        first, second = jax.random.split(jax.random.key(0))
        self.gates = jax.random.normal(first, (FEATURES, hidden))
        self.values = jax.random.normal(second, (FEATURES, hidden))

    def init_state(self) -> jax.Array:
        """Returns zeros."""
        return jnp.zeros(self.hidden_size)

    def element(self, x, dt):
        """Returns what the state is multiplied by, and what is added."""
        kept = jax.nn.sigmoid(-x @ self.gates) ** dt
        return kept, (1.0 - kept) * (x @ self.values)

    def combine(self, earlier, later):
        """Returns one element that does both."""
        return earlier[0] * later[0], earlier[1] * later[0] + later[1]

    def act(self, state, element):
        """Returns the next state."""
        return state * element[0] + element[1]

    def read(self, state, x):
        """Returns the state."""
        return state


def programs(form: Form, size: Size) -> dict[str, Callable[[int], None]]:
    """Returns what runs the outputs of a form, and its gradients, so many times."""
    cell, draws = Gated(size.hidden), np.random.default_rng(0)
    shape = (size.batch, size.length)
    xs = jnp.asarray(draws.normal(size=(*shape, FEATURES)), jnp.float32)
    dts = jnp.ones(shape, jnp.float32)

    def outputs(cell: Gated, xs: jax.Array) -> jax.Array:
        def one(xs: jax.Array, dts: jax.Array) -> jax.Array:
            return unroll_fold(cell, Sequence(xs, dts), form=form).hs

        return jax.vmap(one)(xs, dts)

    def loss(both: tuple[Gated, jax.Array]) -> jax.Array:
        return jnp.mean(outputs(*both) ** 2)

    forward, backward = filter_jit(outputs), filter_jit(eqx.filter_grad(loss))
    made = {
        "outputs": lambda: forward(cell, xs),
        "gradients": lambda: backward((cell, xs)),
    }
    return {name: _repeated(program) for name, program in made.items()}


def _repeated(program: Callable[[], Any]) -> Callable[[int], None]:
    jax.block_until_ready(program())

    def run(count: int) -> None:
        for _ in range(count):
            jax.block_until_ready(program())

    return run


def main() -> None:
    """Prints a line per size, program and form."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("numbers", nargs="*", type=int, metavar="T BATCH HIDDEN")
    given = parser.parse_args().numbers
    sizes = [tuple(given[at : at + 3]) for at in range(0, len(given), 3)] or SIZES
    pin_to_core(0)  # or threads that wait for work would be counted as work
    print(f"best_form() on {jax.default_backend()}: {best_form()}")
    print(f"{'size':16s} {'of':10s} {'form':12s}       ms   to scan")
    for size in (Size(*numbers) for numbers in sizes):
        forms = {form: programs(form, size) for form in get_args(Form)}
        for what in forms["scan"]:
            runs = {form: made[what] for form, made in forms.items()}
            count = max(1, round(0.1 / cpu_seconds(runs["scan"], 1)))
            rounds = [
                {form: cpu_seconds(run, count) for form, run in runs.items()}
                for _ in range(ROUNDS)
            ]
            for form in runs:
                ratios = [row[form] / row["scan"] for row in rounds]
                low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
                ms = 1e3 * np.median([row[form] for row in rounds])
                print(
                    f"{size!s:16s} {what:10s} {form:12s} {ms:8.2f}   {middle:.2f} "
                    f"[{low:.2f}, {high:.2f}]",
                    flush=True,
                )


if __name__ == "__main__":
    main()
