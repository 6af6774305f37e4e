"""What a contender is: one step, one sequence, or a whole model, of ONE example.

    AbstractCell    one step             state, x, dt -> state, h
    AbstractLayer   one sequence         xs, dts -> hs
    AbstractModel   one question         xs, dts -> answer

Most contenders are a cell or a layer and share embedding, readout and head
(`sequence.py`), so that a comparison differs in one thing. Their constructors take
`(features, hidden, *, key)` and keyword settings with defaults; the constructor of a
whole model takes `(signature, hidden, *, key)`.
"""

import abc

import equinox as eqx
from jaxtyping import Array, Float, Inexact

from ..core.types import Inputs, Key, Scalar, State, Times


class AbstractCell(eqx.Module):
    """A recurrent contender: the mathematics of one step of one example.

    Weights that derive from other weights are fields of type
    `nnarena.nn.parametrization.AbstractParametrization`; the scan resolves them once
    per sequence, before the first step.
    """

    hidden_size: eqx.AbstractVar[int]

    @abc.abstractmethod
    def init_state(self) -> State:
        """Returns the state before the first observation."""

    @abc.abstractmethod
    def __call__(
        self, state: State, x: Float[Array, " features"], dt: Scalar
    ) -> tuple[State, Float[Array, " hidden"]]:
        """Returns the next state and the output; `dt` is the time since the last."""


class AbstractLayer(eqx.Module):
    """A contender that reads one whole sequence and returns one of equal length.

    `causal` says that no output depends on a later input; the conformance laws
    hold a layer to it.
    """

    hidden_size: eqx.AbstractVar[int]
    causal: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def __call__(
        self,
        xs: Float[Array, "time features"],
        dts: Times,
        *,
        key: Key | None = None,
    ) -> Float[Array, "time hidden"]:
        """Returns one vector of `hidden_size` numbers per step."""


class AbstractModel(eqx.Module):
    """A whole contender: answers once, or at every step, as its signature asks."""

    causal: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def __call__(
        self, xs: Inputs, dts: Times, *, key: Key | None = None
    ) -> Inexact[Array, " outputs"] | Inexact[Array, "time outputs"]:
        """Returns values, or logits of classes."""
