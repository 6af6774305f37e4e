"""A model under test: small, built once per signature, compiled once per program."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core.registry import Entry
from ..core.types import (
    Classes,
    Example,
    Features,
    Generated,
    Key,
    Sentences,
    Sequence,
    Signature,
    Tokens,
    Values,
    When,
)
from ..models.base import AbstractModel
from ..models.causality import drawn, looks_ahead, moved as move, some_cuts
from ..models.contender import Contender
from ..models.decoder import taught
from ..models.inspection import require_answers
from .quick import quick_jit


WIDTH = 8
"""Wide enough for heads and blocks, small enough to compile in an instant."""

RESERVOIR = "reservoir"
"""The family of contenders that learn nothing but a readout of random units."""

UNITS = 64
"""Of a reservoir it takes more units to learn a little: the width of its case."""

FAR = 0.5
"""A deviation of weights by which whatever is read is felt, however small they were."""

LENGTH = 17
"""Steps of a test sequence: odd and prime, so that no even split goes unseen."""


def values_of(answers: When) -> Signature:
    """Three real numbers in, two out."""
    return Signature(Features(3), Values(2), answers, causal=False)


def classes_of(answers: When) -> Signature:
    """One of five symbols in, one of four classes out."""
    return Signature(Tokens(5), Classes(4), answers, causal=False)


SIGNATURES = (
    values_of("once"),
    values_of("every step"),
    classes_of("once"),
    classes_of("every step"),
)
"""The kinds of question that every model answers."""

FIRST = (SIGNATURES[0], SIGNATURES[2])
"""One of each kind of input, for laws to which the time of the answer is nothing."""

CONTEXT = Signature(
    Tokens(5), Classes(4), "every step", causal=False, context=Tokens(5)
)
"""The same vocabulary in question and story, answered at every step of the question."""

GENERATED = Signature(Tokens(5), Classes(6), Generated(longest=5, start=4, stop=5))
"""An answer of four classes that may be said."""

GENERATED_IN_CONTEXT = replace(GENERATED, context=Tokens(5))

STORY = Tokens(5, Sentences(end=0, longest=LENGTH, most=LENGTH // 2 + 1))

SUPPORTED = Signature(STORY, Classes(4), context=STORY, facts=2)
"""A question about sentences, of which an example names those that it rests on."""

EVERY_STEP = (values_of("every step"), classes_of("every step"))

CAUSAL = tuple(
    Signature(s.inputs, s.outputs, s.answers, causal=True) for s in EVERY_STEP
)
"""The same questions where an answer may use no later input."""


def words_for(signature: Signature) -> str:
    """Returns a signature in words, for the sentence of a broken law."""
    kind = "features" if isinstance(signature.inputs, Features) else "tokens"
    causal = ", causal" if signature.causal else ""
    context = ", with a context" if signature.context else ""
    return f"{kind}, answered {signature.when}{causal}{context}"


def draw_inputs(
    signature: Signature, *shape: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Returns random inputs and elapsed times of 1; the last of `shape` is time."""
    rng = np.random.default_rng(seed)
    size = signature.inputs.size
    if isinstance(signature.inputs, Features):
        xs = rng.standard_normal((*shape, size)).astype(np.float32)
    else:
        xs = rng.integers(size, size=shape).astype(np.int32)
    return xs, np.ones(shape, np.float32)


def draw_asked(signature: Signature, length: int) -> tuple[Sequence, ...]:
    """Returns a random question and, where there is one, its story."""
    asked = (signature,) if signature.context is None else (signature, signature)
    drawn = (draw_inputs(one, length, seed=seed) for seed, one in enumerate(asked))
    return tuple(Sequence(jnp.asarray(xs), jnp.asarray(dts)) for xs, dts in drawn)


@quick_jit
def _answer(model: AbstractModel, *asked: Sequence) -> Array:
    return model(*asked)


@quick_jit
def _taught(model: AbstractModel, signature: Signature, example: Example) -> Array:
    return taught(model, signature, example)


@quick_jit
def _answer_batch(model: AbstractModel, xs: Array, dts: Array) -> Array:
    return jax.vmap(lambda x, dt: model(Sequence(x, dt)))(xs, dts)


class ModelCase:
    """A registered model with some settings, ready to be held to the laws.

    Raises:
        UnknownName: no model carries the name.
        ValueError: the model has no setting of that name.
    """

    def __init__(self, name: str, settings: Mapping[str, Any] | None = None):
        self.contender = Contender(name, settings or {})
        self._models: dict[str, AbstractModel] = {}
        self._moved: dict[str, AbstractModel] = {}

    @property
    def entry(self) -> Entry:
        return self.contender.entry

    @property
    def width(self) -> int:
        """How wide the model under test is."""
        return UNITS if self.entry.family == RESERVOIR else WIDTH

    def require_sound(self) -> None:
        """Returns if the model can be made and asked, as traced.

        Raises:
            EntrantProblem: it cannot; with file and line.
        """
        for signature in self.playable(*SIGNATURES):
            require_answers(self.contender, signature, self.width, LENGTH)

    def playable(self, *signatures: Signature) -> tuple[Signature, ...]:
        """Returns those of some signatures that the model can play, and tells apart.

        Of one that plays none of them, the only kind that it plays: generated answers,
        or ones whose sentences are named.
        """
        asked = self.told_apart(*signatures)
        found = [s for s in asked if self.contender.why_not(s) is None]
        if not found and self.contender.why_not(SUPPORTED) is None:
            return (SUPPORTED,)
        return tuple(found) or (GENERATED,)

    def told_apart(self, *signatures: Signature) -> tuple[Signature, ...]:
        """Returns those of some signatures that are not the same to the entrant.

        A cell or a layer reads vectors and writes vectors, whatever the frame makes
        them of and makes of them: asked about tokens, it would compute nothing new.
        """
        if not self.contender.framed:
            return signatures
        return tuple(s for s in signatures if isinstance(s.inputs, Features))

    def build(self, signature: Signature, key: Key) -> AbstractModel:
        """Returns the small model with the weights of a key, as it plays such a task.

        Raises:
            CannotPlay: it cannot.
        """
        contender = self.contender.for_signature(signature)
        return contender.build(signature, self.width, key=key)

    def model(self, signature: Signature, *, moved: bool = False) -> AbstractModel:
        """Returns the small model for a signature: always the same one of each kind."""
        name = words_for(signature)
        if name not in self._models:
            self._models[name] = self.build(signature, jax.random.key(0))
        if moved and name not in self._moved:
            self._moved[name] = move(self._models[name])
        return (self._moved if moved else self._models)[name]

    def answer(
        self,
        signature: Signature,
        xs: np.ndarray,
        dts: np.ndarray,
        present: np.ndarray | None = None,
    ) -> np.ndarray:
        """Returns the answers to one sequence; one program per signature and length."""
        there = None if present is None else jnp.asarray(present)
        return self.answer_to(
            signature, Sequence(jnp.asarray(xs), jnp.asarray(dts), there)
        )

    def answer_to(self, signature: Signature, *asked: Sequence) -> np.ndarray:
        """Returns the answers to a question, and to its context where it has one."""
        return np.asarray(_answer(self.model(signature), *asked))

    def first_peek(self, signature: Signature, *, far: bool = False) -> int | None:
        """Returns the first cut of which what is withheld reaches an answer before it.

        Of weights off their start, as in training, or `far` from it; None if there is
        none.
        """
        model = self.model(signature, moved=True)
        if far:
            model = move(model, FAR)

        def ask(example: Example) -> np.ndarray:
            if signature.generated is None:  # by the program of `answer_to`
                return np.asarray(_answer(model, *example.asked))
            return np.asarray(_taught(model, signature, example))

        cuts = some_cuts(signature, LENGTH)
        return looks_ahead(ask, signature, drawn(signature, LENGTH), cuts)

    def answer_batch(
        self, signature: Signature, xs: np.ndarray, dts: np.ndarray
    ) -> np.ndarray:
        """Returns the answers to several sequences at once, by `jax.vmap`."""
        model = self.model(signature)
        return np.asarray(_answer_batch(model, jnp.asarray(xs), jnp.asarray(dts)))
