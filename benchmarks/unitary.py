"""Training steps of all unitary maps at equal width, against the exponential.

Forward and backward of a batch through `exp_unitary`, one thread, maps in turn; prints
medians, the ratio of medians (theirs over the exponential's) and the quartiles of the
ratios of pairs. "eunn, turning" is the same network as "eunn" without a matrix: the
state is turned layer by layer at every step.
"""

import os


os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("NPROC", "1")

import argparse
import time
from typing import Any, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nnarena.core.types import Sequence
from nnarena.models.exp_unitary import ExpUnitary
from nnarena.nn.parametrization import AbstractParametrization
from nnarena.nn.unitary import MapName, RotationMap
from nnarena.nn.unitary.forms import phase
from nnarena.nn.unroll import unroll


FEATURES = 8


class Turn(eqx.Module):
    """Layers of rotations that stand on the right of a state, as a matrix would.

    Coordinates are kept in two halves, of even and of odd index, so that a layer is
    arithmetic on whole vectors; sizes must be even. Against RotationMap only the order
    of the coordinates differs.
    """

    odd: Any
    even: Any
    phases: Any

    def __rmatmul__(self, state):
        """Returns the state after all layers."""
        first_real, second_real, first_imag, second_imag = jnp.split(state, 4)
        first, second = (first_real, first_imag), (second_real, second_imag)
        for index in range(len(self.odd) + len(self.even)):
            if index % 2 == 0:
                first, second = rotated(first, second, self.odd[index // 2])
                continue
            p, q = [part[:-1] for part in second], [part[1:] for part in first]
            p, q = rotated(p, q, self.even[index // 2])
            first = [
                jnp.concatenate([part[:1], new])
                for part, new in zip(first, q, strict=True)
            ]
            second = [
                jnp.concatenate([new, part[-1:]])
                for part, new in zip(second, p, strict=True)
            ]
        first, second = times(first, self.phases[0]), times(second, self.phases[1])
        return jnp.concatenate([first[0], second[0], first[1], second[1]])


def times(one, other):
    """Returns the product of two complex vectors given as (Re, Im)."""
    (a, b), (c, d) = one, other
    return a * c - b * d, a * d + b * c


def rotated(p, q, layer):
    """Returns both halves of all pairs of one layer after its rotations."""
    cosine, sine, *turn = layer
    q = times(q, turn)
    return (
        [cosine * x - sine * y for x, y in zip(p, q, strict=True)],
        [sine * x + cosine * y for x, y in zip(p, q, strict=True)],
    )


class Turning(AbstractParametrization):
    """The rotations of a map, made ready once per sequence but not multiplied."""

    map: RotationMap

    def value(self):
        """Returns the layers."""

        def parts(angles):
            theta, phi = angles
            return jnp.stack(
                [jnp.cos(theta), jnp.sin(theta), jnp.cos(phi), jnp.sin(phi)], 1
            )

        halves = phase(self.map.phases.reshape(-1, 2).T)
        phases = jnp.stack([jnp.real(halves), jnp.imag(halves)], 1)
        return Turn(parts(self.map.odd_layers), parts(self.map.even_layers), phases)


def compiled(cell: Any, xs):
    """Returns the gradient of a batch as a program, its weights, and compile time."""
    weights, constants = eqx.partition(cell, eqx.is_inexact_array)
    dts = jnp.ones(xs.shape[1])

    def loss(weights):
        whole = eqx.combine(weights, constants)
        return jnp.mean(jax.vmap(lambda x: unroll(whole, Sequence(x, dts)).hs)(xs) ** 2)

    begun = time.perf_counter()
    program = jax.jit(jax.value_and_grad(loss)).lower(weights).compile()
    return program, weights, time.perf_counter() - begun


def seconds(program, weights) -> float:
    """Returns the time of one call."""
    begun = time.perf_counter()
    jax.block_until_ready(program(weights))
    return time.perf_counter() - begun


def cells(units: int, capacity: int, turning: bool) -> dict[str, Any]:
    """Returns one network per map."""
    found: dict[str, Any] = {}
    for name in get_args(MapName):
        own = {"capacity": capacity} if name == "eunn" else {}
        found[name] = ExpUnitary(
            FEATURES, units, map=name, start="random", **own, key=jax.random.key(0)
        )
    if turning:
        found["eunn, turning"] = eqx.tree_at(
            lambda cell: cell.recurrent_weight, found["eunn"], replace_fn=Turning
        )
    return found


def main() -> None:
    """Prints a line per map."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--units", type=int, default=128)
    reader.add_argument("--capacity", type=int, default=16, help="layers of eunn")
    reader.add_argument("--length", type=int, default=100)
    reader.add_argument("--batch", type=int, default=32)
    reader.add_argument("--rounds", type=int, default=7)
    reader.add_argument("--turning", action="store_true", help="eunn without a matrix")
    given = reader.parse_args()
    xs = jax.random.normal(jax.random.key(1), (given.batch, given.length, FEATURES))
    built = cells(given.units, given.capacity, given.turning)
    programs = {name: compiled(cell, xs) for name, cell in built.items()}
    for program, weights, _ in programs.values():
        assert np.isfinite(program(weights)[0])  # and the first call is over
    times_of = {name: [] for name in programs}
    for _ in range(given.rounds):
        for name, (program, weights, _) in programs.items():
            times_of[name].append(seconds(program, weights))
    base = np.array(times_of["exponential"])
    print("map            compile s   step ms   /exponential [quartiles]")
    for name, (_, _, compile_seconds) in programs.items():
        row = np.array(times_of[name])
        low, high = np.quantile(row / base, [0.25, 0.75])
        print(
            f"{name:14s} {compile_seconds:9.1f} {1e3 * np.median(row):9.1f}   "
            f"{np.median(row) / np.median(base):.2f} [{low:.2f}, {high:.2f}]"
        )


if __name__ == "__main__":
    main()
