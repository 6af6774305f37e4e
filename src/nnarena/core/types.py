"""The kinds of arrays and the words of the arena, named once.

Everything here describes ONE example. A caller adds axes (batch, seeds) with
`jax.vmap`; no entrant ever sees them.
"""

from typing import Literal

import equinox as eqx
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


class Example(eqx.Module):
    """One sequence with its answers.

    A task that answers once has no time axis in `targets` and `mask`. A sequence
    of smaller length than its neighbours is padded at the end and answered "every
    step", with the mask true only where an answer counts.
    """

    xs: Inputs
    dts: Times
    targets: (
        Float[Array, " outputs"]
        | Float[Array, "time outputs"]
        | Bool[Array, " outputs"]
        | Bool[Array, "time outputs"]
        | Int[Array, ""]
        | Int[Array, " time"]
    )
    mask: Bool[Array, ""] | Bool[Array, " time"]
