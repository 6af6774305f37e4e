"""The kinds of arrays and the words of the arena, named once.

Everything here describes ONE example. A caller adds axes (batch, seeds) with
`jax.vmap`; no entrant ever sees them.
"""

from dataclasses import dataclass
from typing import Literal, TypeVar

import equinox as eqx
import jax.numpy as jnp
import jaxtyping
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree


Key = PRNGKeyArray
"""A typed JAX random key; always the last argument and keyword-only."""

Keys = jaxtyping.Key[Array, " seeds"]
"""Random keys, one per seed of several runs at once."""

Scalar = Float[Array, ""]
"""One real number."""

State = PyTree[Array]
"""What a cell carries from one step to the next."""

Inputs = Float[Array, "time features"] | Int[Array, " time"]
"""A sequence of feature vectors, or of tokens."""

Times = Float[Array, " time"]
"""Elapsed time since the previous observation, one number per step."""


class Features(eqx.Module):
    """Inputs that are vectors of `size` real numbers at every step."""

    size: int = eqx.field(static=True)


@dataclass(frozen=True)
class Sentences:
    """How a stream of tokens is cut into sentences.

    The token `end` ends one, and is in it no word. The longest has `longest` words, and
    no stream more than `most` sentences.
    """

    end: int
    longest: int
    most: int


class Tokens(eqx.Module):
    """Inputs that are one of `size` symbols at every step.

    Where they form sentences, `sentences` says how, to a model that reads them one by
    one; every other reads a plain stream.
    """

    size: int = eqx.field(static=True)
    sentences: Sentences | None = eqx.field(static=True, default=None)


class Values(eqx.Module):
    """Answers that are `size` real numbers."""

    size: int = eqx.field(static=True)


class Classes(eqx.Module):
    """Answers that are one of `size` classes, given as logits."""

    size: int = eqx.field(static=True)


class Labels(eqx.Module):
    """Answers that are any of `size` labels at once, given as logits."""

    size: int = eqx.field(static=True)


Outputs = Values | Classes | Labels
"""What an answer is made of."""


@dataclass(frozen=True)
class Generated:
    """The answer is a sequence of classes, each said after the question and the last.

    There are at most `longest`. The model is first fed `start` and then its own last
    class; `stop` says that the answer ends, and is a part of it. `start` is not an
    answer: it never stands in a target.
    """

    longest: int
    start: int
    stop: int

    def __post_init__(self):
        if self.longest < 1:
            raise ValueError(
                f"longest is {self.longest}, but an answer has one class at least"
            )
        if self.start == self.stop:
            raise ValueError(
                f"start and stop are both class {self.start}: give each one of its own"
            )

    def until_stop(self, classes: Int[Array, " answers"]) -> Bool[Array, " answers"]:
        """Returns which of the classes said are a part of the answer: up to `stop`."""
        stops = (classes == self.stop).astype(int)
        return jnp.cumsum(stops) == stops  # none before


Steps = TypeVar("Steps", bound=int | None)
"""A number of steps, or none where it is not known."""

When = Literal["once", "every step"] | Generated
"""When a task wants its answers: after the last step, after each, or generated."""


class Signature(eqx.Module):
    """What goes into a model and what has to come out of it.

    `causal` says that an answer may use no later input: of forecasting, language and
    roll-outs, whose next input is the answer, and of whatever is asked online. A task
    that answers at every step has to say it either way: nothing can tell which answers
    a later input gives away, and models that look ahead win where they should not play.
    It rules out nothing where a task answers once, after the last step. `context` is
    what the steps of a story are made of that comes with every question; None without
    one. `facts` is how many of its sentences an example names at most as those that its
    answer rests on (`Example.support`); 0 says that none does.

    Raises:
        ValueError: answers at every step without `causal`, generated ones
            that are not classes, or facts of a context without sentences.
    """

    inputs: Features | Tokens
    outputs: Outputs
    answers: When = eqx.field(static=True, default="once")
    causal: bool | None = eqx.field(static=True, default=None)
    context: Features | Tokens | None = None
    facts: int = eqx.field(static=True, default=0)

    def __check_init__(self):
        if self.facts and getattr(self.context, "sentences", None) is None:
            raise ValueError(
                f"facts is {self.facts}, but the context has no sentences to be facts: "
                "give it as Tokens with Sentences"
            )
        if self.answers == "every step" and self.causal is None:
            raise ValueError(
                "a task that answers at every step says whether an answer may use "
                "later inputs: give its Signature causal=True where it may not, as in "
                "forecasting, or causal=False"
            )
        if not isinstance(self.answers, Generated):
            return
        if not isinstance(self.outputs, Classes):
            raise ValueError(
                "generated answers are classes: give outputs=Classes(size)"
            )
        for name in ("start", "stop"):
            found = getattr(self.answers, name)
            if not 0 <= found < self.outputs.size:
                raise ValueError(
                    f"{name} is {found}, but has to be one of the classes, 0 to "
                    f"{self.outputs.size - 1}"
                )

    @property
    def needs_causality(self) -> bool:
        """Whether a model that uses later inputs is ruled out."""
        return self.causal is True and self.answers == "every step"

    @property
    def generated(self) -> Generated | None:
        """How answers are generated; None where they are not."""
        return self.answers if isinstance(self.answers, Generated) else None

    @property
    def when(self) -> str:
        """When answers are given, in words."""
        return "by generating" if isinstance(self.answers, Generated) else self.answers

    def answer_axes(self, steps: Steps) -> tuple[int | Steps, ...]:
        """Returns the axes of the answers to a question of so many steps, None: any."""
        if isinstance(self.answers, Generated):
            return (self.answers.longest,)
        return (steps,) if self.answers == "every step" else ()


class Sequence(eqx.Module):
    """The steps of one example, in time; a shorter one is padded at its end.

    `present` says which steps are there: the first so many, one at least. None says
    that all are, and costs nothing. What stands in the others, the padding, changes no
    answer: the loop over time keeps its state there, attention does not look at them,
    and a mean leaves them out. An entrant need not know of it. Whatever the padding
    held, here it is zeros, one unit of time apart: a product with a NaN is NaN even
    where its weight is zero, in answers and gradients alike.
    """

    xs: Inputs
    dts: Times
    present: Bool[Array, " time"] | None

    def __init__(
        self,
        xs: Inputs,
        dts: Times | None = None,
        present: Bool[Array, " time"] | None = None,
    ):
        """Holds the steps; without elapsed times each is one unit after the last."""
        dts = jnp.ones(xs.shape[0]) if dts is None else dts
        if present is not None:
            there = present.reshape(*present.shape, *[1] * (xs.ndim - present.ndim))
            xs = jnp.where(there, xs, jnp.zeros((), xs.dtype))
            dts = jnp.where(present, dts, jnp.ones((), dts.dtype))
        self.xs, self.dts, self.present = xs, dts, present

    @property
    def length(self) -> int:
        """The number of steps, padding included."""
        return self.dts.shape[0]

    @property
    def there(self) -> Bool[Array, " time"]:
        """Which steps are there, also where all are."""
        return jnp.ones(self.length, bool) if self.present is None else self.present

    @property
    def last(self) -> int | Int[Array, ""]:
        """The place of the last step that is there."""
        if self.present is None:
            return self.length - 1
        return jnp.sum(self.present, dtype=int) - 1

    def with_xs(self, xs: Inputs) -> "Sequence":
        """Returns the same steps with other inputs, as a layer leaves to the next."""
        return Sequence(xs, self.dts, self.present)


class Example(eqx.Module):
    """One question with its answers.

    A task that answers once has no time axis in `targets` and `counts`; one that
    answers at every step has as many of both as the question has steps, one whose
    answers are generated `longest`. `counts` says which answers are judged; None says
    all whose step is there. What comes after the `stop` of a generated answer never is.
    `context` is the story that the question is about. `support` names sentences of it
    that the answer rests on, counted back from its last, 0, in the order in which they
    are to be found; -1 stands for none. A model is not asked by it and may not answer
    by it: it is for training alone (`nnarena.AbstractSupervised`).
    """

    question: Sequence
    targets: (
        Float[Array, " outputs"]
        | Float[Array, "time outputs"]
        | Bool[Array, " outputs"]
        | Bool[Array, "time outputs"]
        | Int[Array, ""]
        | Int[Array, " time"]
    )
    counts: Bool[Array, ""] | Bool[Array, " time"] | None = None
    context: Sequence | None = None
    support: Int[Array, " facts"] | None = None

    @property
    def asked(self) -> tuple[Sequence, ...]:
        """What a model is asked: the question and, where there is one, its context."""
        return (
            (self.question,) if self.context is None else (self.question, self.context)
        )

    def judged(self, answers: When) -> Bool[Array, ""] | Bool[Array, " time"]:
        """Returns which answers are judged: once, or those of the steps there are."""
        if isinstance(answers, Generated):
            said = answers.until_stop(self.targets)
            return said if self.counts is None else said & self.counts
        if self.counts is not None:
            return self.counts
        if answers == "once":
            return jnp.array(True)
        return self.question.there
