"""The kinds of arrays and the words of the arena, named once.

Everything here describes ONE example. A caller adds axes (batch, seeds) with
`jax.vmap`; no entrant ever sees them.
"""

from typing import Literal

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


class Tokens(eqx.Module):
    """Inputs that are one of `size` symbols at every step."""

    size: int = eqx.field(static=True)


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


When = Literal["once", "every step"]
"""When a task wants its answers: after the last step, or after each."""


class Signature(eqx.Module):
    """What goes into a model and what has to come out of it.

    `causal` says that an answer may use no later input: of forecasting, language and
    roll-outs, whose next input is the answer, and of whatever is asked online. It
    rules out nothing where a task answers once, after the last step.
    """

    inputs: Features | Tokens
    outputs: Outputs
    answers: When = eqx.field(static=True, default="once")
    causal: bool = eqx.field(static=True, default=False)

    @property
    def needs_causality(self) -> bool:
        """Whether a model that uses later inputs is ruled out."""
        return self.causal and self.answers == "every step"


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
    answers at every step has as many of both as the question has steps. `counts` says
    which answers are judged; None says all whose step is there.
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

    def judged(self, answers: When) -> Bool[Array, ""] | Bool[Array, " time"]:
        """Returns which answers are judged: once, or those of the steps there are."""
        if self.counts is not None:
            return self.counts
        if answers == "once":
            return jnp.array(True)
        present = self.question.present
        return jnp.ones(self.question.length, bool) if present is None else present
