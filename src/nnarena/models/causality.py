"""Whether an answer uses a later input, found by changing what is later.

`causal` is what a contender declares. On a task that forbids looking ahead that is not
enough, so whoever sees more than one step at a time is tried before it is trained: at
the task's own number of steps, since what mixes steps in blocks may look no further
than a block, and with weights moved off their start, since a path may start at zero and
open in training. A cell sees one step, and the loop that takes it is the arena's.
"""

from collections.abc import Callable, Sequence as Many
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..core.compiling import RUN_ONCE, filter_jit
from ..core.frozen import trainable
from ..core.types import Features, Key, Sequence, Signature
from .base import AbstractModel
from .sequence import Recurrent, SequenceModel


HUGE = 1e3
"""How much larger later inputs are made too: a mask that only dims lets those pass."""

ROUNDING = 1e-5
"""A change of an answer, as a share of answers and inputs, that rounding may make: a
convolution by Fourier transforms rounds each number by the size of all."""

MOVED = 0.02
"""The deviation of what is added to every weight."""

MANY = 64
"""Steps up to which every cut is tried; of more, so many are drawn."""

Ask = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Returns the answers at every step to inputs and elapsed times."""


def looks_ahead(
    ask: Ask, signature: Signature, length: int, cuts: Many[int]
) -> int | None:
    """Returns the first cut of which what is after it reaches an answer before it.

    None if there is none. Inputs and elapsed times from a cut on are changed, for
    others of the same size and for huge ones. All are finite: an input that is not may
    reach an earlier answer through a weight of zero (see `nnarena.nn.attention`).
    """
    sizes = (1.0, HUGE) if isinstance(signature.inputs, Features) else (1,)
    xs, others = (drawn(signature, length, seed) for seed in (0, 1))
    dts = np.ones(length, np.float32)
    whole = ask(xs, dts)
    for cut in cuts:
        later = np.arange(length) >= cut
        there = later.reshape(-1, *[1] * (xs.ndim - 1))
        slower = np.where(later, np.float32(0.5), dts)
        for size in sizes:
            mixed = np.where(there, size * others, xs).astype(xs.dtype)
            if not _alike(ask(mixed, slower)[:cut], whole[:cut], ROUNDING * size):
                return cut
    return None


def some_cuts(length: int) -> list[int]:
    """Returns steps between the second and the last: all, or many without a pattern.

    What mixes steps in blocks shows at no cut where its blocks end, so that cuts at
    halves and quarters alone would not find blocks of powers of two.
    """
    if length <= MANY:
        return list(range(1, length))
    some = np.random.default_rng(length).permutation(np.arange(1, length))[:MANY]
    return sorted({1, length - 1, *some.tolist()})


def sees_more_than_a_step(model: PyTree) -> bool:
    """Returns whether a model, or its shapes, has a part that is given a sequence."""
    alone = type(model) is SequenceModel
    return not (alone and all(type(layer) is Recurrent for layer in model.layers))


def asking(build: Callable[[Key], AbstractModel]) -> Ask:
    """Returns what asks a model of its own weights, moved off their start.

    The model is built within, so that one program is compiled and not one per weight.
    """

    @partial(filter_jit, options=RUN_ONCE)
    def answer(xs: Array, dts: Array) -> Array:
        return moved(build(jax.random.key(0)))(Sequence(xs, dts))

    return lambda xs, dts: np.asarray(answer(jnp.asarray(xs), jnp.asarray(dts)))


def moved(model: AbstractModel) -> AbstractModel:
    """Returns the model with noise added to every weight that training may move."""
    rng = np.random.default_rng(0)

    def noisy(leaf: Array, free: bool) -> Array:
        if not free:
            return leaf
        return leaf + jnp.asarray(MOVED * rng.standard_normal(leaf.shape), leaf.dtype)

    return jax.tree.map(noisy, model, trainable(model))


def drawn(signature: Signature, length: int, seed: int) -> np.ndarray:
    """Returns random inputs: normal numbers, or tokens."""
    rng, size = np.random.default_rng(seed), signature.inputs.size
    if isinstance(signature.inputs, Features):
        return rng.standard_normal((length, size)).astype(np.float32)
    return rng.integers(size, size=length).astype(np.int32)


def _alike(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> bool:
    scale = np.abs(theirs).max(initial=1.0, where=np.isfinite(theirs))
    return np.allclose(ours, theirs, rtol=0, atol=tolerance * scale, equal_nan=True)
