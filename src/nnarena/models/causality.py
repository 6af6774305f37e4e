"""Whether an answer uses a later input, found by changing what is later.

`causal` is what a contender declares. On a task that forbids looking ahead that is not
enough, so every contender is tried before it is trained: at the task's own number of
steps, since what mixes steps in blocks may look no further than a block, and with
weights moved off their start, since a path may start at zero and open in training.
"""

from collections.abc import Callable, Sequence as Many

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from ..core.compiling import RUN_ONCE, filter_jit
from ..core.frozen import trainable
from ..core.types import Features, Key, Sequence, Signature
from .base import AbstractModel


HUGE = 1e3
"""How much larger later inputs are made too: a mask that only dims lets those pass."""

ROUNDING = 1e-5
"""A change of an answer, as a share of answers and inputs, that rounding may make: a
convolution by Fourier transforms rounds each number by the size of all."""

MOVED = 0.02
"""The deviation of what is added to every weight."""


def some_cuts(length: int) -> list[int]:
    """Returns a few steps between the second and the last, both among them."""
    return sorted({1, 2, length // 4, length // 2, 3 * length // 4, length - 1} - {0})


def looks_ahead(
    build: Callable[[Key], AbstractModel],
    signature: Signature,
    length: int,
    cuts: Many[int],
) -> int | None:
    """Returns the first cut of which what is after it reaches an answer before it.

    None if there is none. Inputs and elapsed times from a cut on are changed, for
    others of the same size and for huge ones. All are finite: an input that is not may
    reach an earlier answer through a weight of zero (see `nnarena.nn.attention`).

    Args:
        build: returns the model for a key, as it answers at every step.
        signature: the question that it answers.
        length: steps of the sequence.
        cuts: steps from which inputs are changed.
    """
    ends = jnp.asarray([*cuts, length])  # the last one changes nothing
    for size in (1.0, HUGE) if isinstance(signature.inputs, Features) else (1.0,):
        xs, others = (drawn(signature, length, seed) for seed in (0, 1))
        others = others if size == 1.0 else (size * others).astype(np.float32)
        *changed, whole = np.asarray(_answers(build, xs, others, ends))
        for cut, answers in zip(cuts, changed, strict=True):
            if not _alike(answers[:cut], whole[:cut], ROUNDING * size):
                return cut
    return None


def drawn(signature: Signature, length: int, seed: int) -> np.ndarray:
    """Returns random inputs: normal numbers, or tokens."""
    rng, size = np.random.default_rng(seed), signature.inputs.size
    if isinstance(signature.inputs, Features):
        return rng.standard_normal((length, size)).astype(np.float32)
    return rng.integers(size, size=length).astype(np.int32)


def _alike(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> bool:
    scale = np.abs(theirs).max(initial=1.0, where=np.isfinite(theirs))
    return np.allclose(ours, theirs, rtol=0, atol=tolerance * scale, equal_nan=True)


def _compiled(
    build: Callable[[Key], AbstractModel],
    xs: Array,
    others: Array,
    cuts: Int[Array, " cuts"],
) -> Array:
    """Returns the answers to `xs` that are `others` from each cut on.

    The model is built within, so that one program is compiled and not one per weight.
    """
    key = jax.random.key(0)
    model = _moved(build(key), key)
    steps = jnp.arange(len(xs))

    def answers(cut: Int[Array, ""]) -> Array:
        later = steps >= cut
        mixed = jnp.where(later.reshape(-1, *[1] * (xs.ndim - 1)), others, xs)
        return model(Sequence(mixed, jnp.where(later, 0.5, 1.0)))

    return jax.vmap(answers)(cuts)


_answers = filter_jit(_compiled, RUN_ONCE)


def _moved(model: AbstractModel, key: Key) -> AbstractModel:
    """Returns the model with noise added to every weight that training may move."""
    leaves, structure = jax.tree.flatten(model)
    free = jax.tree.leaves(trainable(model))
    keys = jax.random.split(key, len(leaves))
    moved = [
        leaf + MOVED * jax.random.normal(own, leaf.shape, leaf.dtype) if may else leaf
        for leaf, may, own in zip(leaves, free, keys, strict=True)
    ]
    return jax.tree.unflatten(structure, moved)
