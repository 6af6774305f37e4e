"""Synapses on the edges of the wiring, against copies per example and dense matrices.

The edges' vectors are shared by all examples of a batch; "copied" has them once per
example, "one-hot" fetches and delivers by products, "masked" computes every pair.
Forward and backward of a batch, one thread, forms in turn; prints the ratio of medians
(theirs over ours) and the quartiles of the ratios of pairs.
"""

import os


os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("NPROC", "1")

import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nnarena.core.types import Sequence
from nnarena.models.ncp import NCP
from nnarena.nn.parametrization import AbstractParametrization
from nnarena.nn.unroll import unroll


WIDTHS = [6, 18, 47]
BATCH, LENGTH, ROUNDS = 32, 10, 7
FORMS = "copied", "one-hot", "masked"


class Copied(eqx.Module):
    """Hides that the synapses are shared, so that the scan copies their vectors."""

    weight: Any
    slope: Any
    center: Any
    reversal: Any
    synapses: Any

    def __call__(self, potentials):
        places = "weight", "slope", "center", "reversal"
        own = [getattr(self, place) for place in places]

        def found(shared):
            return [getattr(shared, place) for place in places]

        return eqx.tree_at(found, self.synapses, own)(potentials)


class OneHot(eqx.Module):
    """Fetches and delivers by products with one-hot matrices, the latter weighted."""

    synapses: Any
    fetch: Any
    deliver: Any

    def __call__(self, potentials):
        distance = potentials @ self.fetch - self.synapses.center
        opened = jax.nn.sigmoid(self.synapses.slope * distance)
        return tuple(jnp.split(opened @ self.deliver, 2))


class Masked(eqx.Module):
    """Computes every pair and adds up over an axis."""

    weight: Any
    slope: Any
    center: Any
    reversal: Any

    def __call__(self, potentials):
        distance = potentials[:, None] - self.center
        opened = self.weight * jax.nn.sigmoid(self.slope * distance)
        return jnp.sum(opened * self.reversal, axis=0), jnp.sum(opened, axis=0)


class As(AbstractParametrization):
    """The same synapses in another form, made once per sequence."""

    synapses: Any
    sources: int = eqx.field(static=True)
    form: str = eqx.field(static=True)

    def value(self):
        """Returns the form asked for."""
        own = self.synapses
        weight = own.weight.value()
        if self.form == "copied":
            return Copied(weight, own.slope, own.center, own.reversal, own)
        if self.form == "masked":
            shape = self.sources, own.targets
            numbers = weight, own.slope, own.center, own.reversal
            place = own.source, own.target
            return Masked(*(jnp.zeros(shape).at[place].set(n) for n in numbers))
        onto = jax.nn.one_hot(own.target, own.targets)
        both = [(weight * own.reversal)[:, None] * onto, weight[:, None] * onto]
        fetch = jax.nn.one_hot(own.source, self.sources, axis=0)
        return OneHot(own, fetch, jnp.concatenate(both, axis=1))


def compiled(cell: Any, xs, dts):
    """Returns the gradient of a batch as a program, and its weights."""
    weights, constants = eqx.partition(cell, eqx.is_inexact_array)

    def loss(weights):
        whole = eqx.combine(weights, constants)
        return jnp.mean(
            jax.vmap(lambda x, dt: unroll(whole, Sequence(x, dt)).hs)(xs, dts) ** 2
        )

    return jax.jit(jax.value_and_grad(loss)).lower(weights).compile(), weights


def seconds(program, weights) -> float:
    """Returns the time of one call."""
    begun = time.perf_counter()
    jax.block_until_ready(program(weights))
    return time.perf_counter() - begun


def main() -> None:
    """Prints a line per width and form."""
    print(
        "width neurons synapses  form      ours ms  theirs ms  theirs/ours [quartiles]"
    )
    for width in WIDTHS:
        cell: Any = NCP(width, width, key=jax.random.key(0))
        parts = cell.circuit.sensory, cell.circuit.recurrent
        xs = jax.random.normal(jax.random.key(1), (BATCH, LENGTH, width))
        forms = {"edges": compiled(cell, xs, jnp.ones((BATCH, LENGTH)))}
        for form in FORMS:
            sizes = zip(parts, (width, cell.neurons), strict=True)
            other = eqx.tree_at(
                lambda c: (c.circuit.sensory, c.circuit.recurrent),
                cell,
                tuple(As(part, sources, form) for part, sources in sizes),
            )
            forms[form] = compiled(other, xs, jnp.ones((BATCH, LENGTH)))
        losses = [program(weights)[0] for program, weights in forms.values()]
        np.testing.assert_allclose(losses, losses[0], rtol=1e-4)
        times = {
            form: np.array(row)
            for form, row in zip(
                forms,
                zip(
                    *([seconds(*f) for f in forms.values()] for _ in range(ROUNDS)),
                    strict=True,
                ),
                strict=True,
            )
        }
        for form in FORMS:
            ours, theirs = (1e3 * np.median(times[f]) for f in ("edges", form))
            low, high = np.quantile(times[form] / times["edges"], [0.25, 0.75])
            synapses = sum(len(part.source) for part in parts)
            print(
                f"{width:5d} {cell.neurons:7d} {synapses:8d}  {form:8s} {ours:8.1f} "
                f"{theirs:10.1f}  {theirs / ours:.2f} [{low:.2f}, {high:.2f}]"
            )


if __name__ == "__main__":
    main()
