"""Whether an answer uses what it may not see, found by changing that.

What an answer may see is one of two things. Where a task forbids looking ahead, it is
the inputs so far; where answers are generated and forced, the right classes before it.
What comes after is withheld: whoever is given it all at once is tried before it is
trained, whatever it declares. At the task's own sizes, since what mixes steps in blocks
may look no further than a block, and with weights moved off their start, since a path
may start at zero and open in training. A cell sees one step, as a decoder does that
takes one class at a time: the loop that feeds them is the arena's.
"""

from collections.abc import Callable, Iterator, Sequence as Many
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..core.compiling import RUN_ONCE, filter_jit
from ..core.frozen import trainable
from ..core.types import Example, Features, Generated, Key, Sequence, Signature, Tokens
from .base import AbstractModel
from .decoder import AbstractDecoder, taught
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

Ask = Callable[[Example], np.ndarray]
"""Returns the answers to an example that are judged; forced ones, if generated."""


def looks_ahead(
    ask: Ask,
    signature: Signature,
    example: Example,
    cuts: Many[int],
    rows: Many[Example] = (),
) -> int | None:
    """Returns the first cut of which what is withheld reaches an answer before it.

    None if there is none. What the answers before a cut may not see is changed in
    every way of `others`, and to what it is in other `rows` of the task. All of it is
    finite: an input that is not may reach an earlier answer through a weight of zero
    (see `nnarena.nn.attention`).
    """
    whole = ask(example)
    for cut in cuts:
        for other, size in others(signature, example, cut, rows):
            if not _alike(ask(other)[:cut], whole[:cut], ROUNDING * size):
                return cut
    return None


def withholds(signature: Signature) -> bool:
    """Returns whether there is anything that an answer may not see."""
    return signature.needs_causality or signature.generated is not None


def may_look_ahead(model: PyTree, signature: Signature) -> bool:
    """Returns whether a model, or its shapes, is given at once what is withheld."""
    if signature.generated is not None:
        make: type[AbstractDecoder] = type(model)
        own = make.steps, make.forced
        return own != (AbstractDecoder.steps, AbstractDecoder.forced)
    alone = type(model) is SequenceModel
    by_step = alone and all(type(layer) is Recurrent for layer in model.layers)
    return signature.needs_causality and not by_step


def others(
    signature: Signature, example: Example, cut: int, rows: Many[Example] = ()
) -> Iterator[tuple[Example, float]]:
    """Yields examples that differ in what answers before a cut may not see, and a size.

    The answer at a place sees the inputs up to it: later ones become those of other
    rows, random and huge ones, and, where the example says which steps are there, are
    absent.
    Of right classes it sees those before it: others, or the answer ends there. The size
    is of what was put in, where answers before have 1.
    """
    if (answers := signature.generated) is not None:
        later = np.arange(len(example.targets)) >= cut - 1
        wrong = _classes(signature, answers, other=True)
        for tail in (wrong, answers.stop):
            targets = np.where(later, tail, example.targets).astype(np.int32)
            yield replace(example, targets=jnp.asarray(targets)), 1.0
        return
    question = example.question
    later = np.arange(question.length) >= cut
    for row in rows:
        yield replace(example, question=_spliced(question, row.question, later)), 1.0
    there = later.reshape(-1, *[1] * (question.xs.ndim - 1))
    dts = jnp.where(later, 0.5, question.dts)
    other = _inputs(signature.inputs, question.length, seed=0, other=True)
    sizes = (1.0, HUGE) if isinstance(signature.inputs, Features) else (1,)
    for size in sizes:
        xs = np.where(there, size * other, question.xs).astype(question.xs.dtype)
        changed = Sequence(jnp.asarray(xs), dts, question.present)
        yield replace(example, question=changed), size
    if question.present is not None:
        ended = Sequence(question.xs, question.dts, question.present & ~later)
        yield replace(example, question=ended), 1.0


def some_cuts(signature: Signature, steps: int) -> list[int]:
    """Returns the numbers of answers that are held to what they may see.

    All, or many without a pattern: what mixes steps in blocks shows at no cut where
    its blocks end, so that cuts at halves and quarters alone would not find blocks of
    powers of two.
    """
    answers = signature.generated
    # Of the last input nothing is withheld, of the last class that class itself.
    length = steps if answers is None else answers.longest + 1
    if length <= MANY:
        return list(range(1, length))
    some = np.random.default_rng(length).permutation(np.arange(1, length))[:MANY]
    return sorted({1, length - 1, *some.tolist()})


def drawn(
    signature: Signature,
    steps: int,
    story: int | None = None,
    *,
    padded: bool = False,
) -> Example:
    """Returns a random example: of so many steps, and of so many of a context.

    `padded` is where examples say which steps are there: all.
    """
    present = jnp.ones(steps, bool) if padded else None
    question = Sequence(
        jnp.asarray(_inputs(signature.inputs, steps, seed=0)), present=present
    )
    targets = np.zeros(steps, np.int32)  # nobody reads those of other answers
    if (answers := signature.generated) is not None:
        targets = _classes(signature, answers)
    context = None
    if signature.context is not None and story is not None:
        context = Sequence(jnp.asarray(_inputs(signature.context, story, seed=2)))
    return Example(question, jnp.asarray(targets), context=context)


def asking(build: Callable[[Key], AbstractModel], signature: Signature) -> Ask:
    """Returns what asks a model of its own weights, moved off their start.

    The model is built within, so that one program is compiled and not one per weight.
    """

    @partial(filter_jit, options=RUN_ONCE)
    def answer(example: Example) -> Array:
        return taught(moved(build(jax.random.key(0))), signature, example)

    return lambda example: np.asarray(answer(example))


def moved(model: AbstractModel, deviation: float = MOVED) -> AbstractModel:
    """Returns the model with noise added to every weight that training may move."""
    rng = np.random.default_rng(0)

    def noisy(leaf: Any, free: bool) -> Any:
        if not free:
            return leaf
        return leaf + jnp.asarray(
            deviation * rng.standard_normal(leaf.shape), leaf.dtype
        )

    return jax.tree.map(noisy, model, trainable(model))


def _spliced(question: Sequence, other: Sequence, later: np.ndarray) -> Sequence:
    """Returns a question whose later steps are those of another one."""
    there = later.reshape(-1, *[1] * (question.xs.ndim - 1))
    xs = np.where(there, other.xs, question.xs)
    dts = jnp.where(later, other.dts, question.dts)
    present = question.present
    if present is not None and other.present is not None:
        present = jnp.where(later, other.present, present)
    return Sequence(jnp.asarray(xs), dts, present)


def _inputs(
    inputs: Features | Tokens, length: int, *, seed: int, other: bool = False
) -> np.ndarray:
    """Returns random inputs, or `other` ones, which differ from those at every step."""
    if isinstance(inputs, Features):
        rng = np.random.default_rng(seed + other)
        return rng.standard_normal((length, inputs.size)).astype(np.float32)
    return _symbols(inputs.size, length, seed=seed, other=other).astype(np.int32)


def _classes(
    signature: Signature, answers: Generated, *, other: bool = False
) -> np.ndarray:
    """Returns a random answer that does not stop, or one that differs at every place.

    Where nothing but `stop` can be said, that.
    """
    size = signature.outputs.size
    said = [one for one in range(size) if one not in (answers.start, answers.stop)]
    classes = np.array(said or [answers.stop], np.int32)
    return classes[_symbols(len(classes), answers.longest, seed=1, other=other)]


def _symbols(size: int, length: int, *, seed: int, other: bool) -> np.ndarray:
    symbols = np.random.default_rng(seed).integers(size, size=length)
    if not other or size == 1:
        return symbols
    further = np.random.default_rng(seed + 1).integers(1, size, size=length)
    return (symbols + further) % size


def _alike(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> bool:
    scale = np.abs(theirs).max(initial=1.0, where=np.isfinite(theirs))
    return np.allclose(ours, theirs, rtol=0, atol=tolerance * scale, equal_nan=True)
