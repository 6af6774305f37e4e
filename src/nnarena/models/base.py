"""What a contender is: one step, one sequence, or a whole model, of ONE example.

    AbstractCell    one step             state, x, dt -> state, h
    AbstractLayer   one sequence         sequence -> hs
    AbstractModel   one question         sequence -> answer

One that generates its answers is an `AbstractDecoder` (`decoder.py`).

Most contenders are a cell or a layer and share embedding, readout and head
(`sequence.py`), so that a comparison differs in one thing. Their constructors take
`(features, hidden, *, key)` and keyword settings with defaults; the constructor of a
whole model takes `(signature, hidden, *, key)`.
"""

import abc
from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact, Int, PyTree

from ..core.types import Key, Scalar, Sequence, State
from ..nn.attention_map import Maps
from ..nn.trace import NO_NUDGES, Nudges, Trace, nudged
from ..nn.unroll import Checkpoint, Unrolled


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

    def pulled_back(
        self,
        found: State,
        x: Float[Array, " features"],
        dt: Scalar,
        *,
        left: State,
        covector: State,
    ) -> State:
        """Returns a covector of the state that a step left, as one of the one before.

        The product of a covector with the Jacobian of the step, by which penalties on
        the flow of gradients (`nnarena.training.flow`) are differentiated, with states
        and input held fixed. A cell whose Jacobian is a formula of `left` may say so,
        as `elman`: then `left` is not computed from the weights anew.

        Args:
            found: the state before the step.
            x: what the step reads.
            dt: the time since the last.
            left: the state after it.
            covector: of `left`; None where the state holds whole numbers, as there.
        """
        del left
        moving, fixed = eqx.partition(found, eqx.is_inexact_array)

        def step(moving: State) -> State:
            following, _ = self(eqx.combine(moving, fixed), x, dt)
            return eqx.filter(following, eqx.is_inexact_array)

        return jax.vjp(step, moving)[1](covector)[0]

    def attention_maps(
        self, found: State, xs: Float[Array, "time features"], left: State
    ) -> Maps:
        """Returns where it looked at each step, by name.

        Args:
            found: the states before the steps, which lead with an axis of time.
            xs: what the steps read.
            left: the states after them; a cell that addresses a memory may have the
                addresses there.
        """
        del found, xs, left
        return {}


class AbstractFold(AbstractCell):
    """A recurrence whose steps combine in any bracketing, so that many may be one.

    Of state-space models, minimal gated units and linear attention. An element says
    what a step does to the state, `combine` makes one of two that follow each other,
    and `act` does it:

        act(act(s, e), f) = act(s, combine(e, f))
        combine(combine(e, f), g) = combine(e, combine(f, g))

    The step follows from these, and `nnarena.nn.fold` the forms that take many steps
    at once: of one example, as ever.
    """

    @abc.abstractmethod
    def element(self, x: Float[Array, " features"], dt: Scalar) -> PyTree[Array]:
        """Returns what a step does to the state; it may not look at the state."""

    @abc.abstractmethod
    def combine(self, earlier: PyTree[Array], later: PyTree[Array]) -> PyTree[Array]:
        """Returns the element that does what two do, one after the other."""

    @abc.abstractmethod
    def act(self, state: State, element: PyTree[Array]) -> State:
        """Returns the state that an element leaves."""

    @abc.abstractmethod
    def read(
        self, state: State, x: Float[Array, " features"]
    ) -> Float[Array, " hidden"]:
        """Returns the output of a step that left this state."""

    def __call__(self, state, x, dt):
        left = self.act(state, self.element(x, dt))
        return left, self.read(left, x)


class AbstractLinearFilter(AbstractCell):
    """A Kalman filter that has settled: h = m' = m A + (x - m C) K, from m = 0.

    `transition` is A, `observation` C and `gain` K, so that a trainer which knows the
    system behind the inputs can say what they are, without a gradient.
    """

    transition: eqx.AbstractVar[Float[Array, "hidden hidden"]]
    observation: eqx.AbstractVar[Float[Array, "hidden features"]]
    gain: eqx.AbstractVar[Float[Array, "features hidden"]]


class AbstractCalibrated(AbstractCell):
    """A cell that is scaled to the inputs of its task before it is trained.

    For what no gradient reaches: the gain of neurons that fire or are silent. A run
    calibrates its model on questions of the validation split
    (`nnarena.models.calibration`); a model that is built alone is not calibrated.
    """

    @abc.abstractmethod
    def calibrated(self, inputs: Sequence) -> Self:
        """Returns the cell, scaled to inputs that lead with an axis of examples."""

    @abc.abstractmethod
    def figures(self, inputs: Sequence) -> dict[str, Scalar]:
        """Returns what a record says of the cell on such inputs, by name."""


class AbstractLayer(eqx.Module):
    """A contender that reads one whole sequence and returns one of equal length.

    What it mixes over time by `nnarena.nn.unroll` or `nnarena.nn.attention` leaves out
    the steps that are not `present`; whatever else looks at later steps must do so
    itself. The outputs of absent steps mean nothing. `causal` says that no output
    depends on a later input; the conformance laws hold a layer to it.
    """

    hidden_size: eqx.AbstractVar[int]
    causal: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def __call__(
        self, sequence: Sequence, *, key: Key | None = None
    ) -> Float[Array, "time hidden"]:
        """Returns one vector of `hidden_size` numbers per step of feature vectors."""

    def attention_maps(self, sequence: Sequence) -> Maps:
        """Returns where each step looked, by name; nothing where it does not say so."""
        del sequence
        return {}


class AbstractRecurrence(AbstractLayer):
    """A layer that runs cells over the steps, each in an order of its own.

    What a cell found, left and put out stands in the order in which it reads.
    """

    @property
    @abc.abstractmethod
    def cells(self) -> tuple[AbstractCell, ...]:
        """The cells that are run."""

    @abc.abstractmethod
    def run(
        self, *, checkpoint: Checkpoint, truncation: int | None
    ) -> "AbstractRecurrence":
        """Returns the layer with its cells run so (`nnarena.nn.unroll`)."""

    @abc.abstractmethod
    def readings(self, sequence: Sequence) -> tuple[Sequence, ...]:
        """Returns the steps as each cell reads them."""

    @abc.abstractmethod
    def unroll(
        self, sequence: Sequence, *, nudges: State | None = None, states: bool = False
    ) -> Unrolled:
        """Returns the outputs of all steps and, if asked for, the states.

        Those, and nudges of them, are a tuple where there are several cells.
        """

    @abc.abstractmethod
    def joined(
        self, hs: tuple[Float[Array, "time hidden"], ...], sequence: Sequence
    ) -> Float[Array, "time hidden"]:
        """Returns the layer's outputs, of those of each cell; a linear map."""


class AbstractModel(eqx.Module):
    """A whole contender: answers once, or at every step, as its signature asks.

    One that can read a context takes it after the sequence, in `trace` too:
    `context: Sequence | None = None`.
    """

    causal: eqx.AbstractVar[bool]

    @property
    def recurrences(self) -> tuple[AbstractRecurrence | None, ...]:
        """Its layers that run cells, as in a trace; None for a layer of another kind.

        A model that names some has a `trace` that takes a `key` too, and then does what
        it does in training, and nudges of states and outputs.
        """
        return ()

    def at_update(self, step: Int[Array, ""]) -> "AbstractModel":
        """Returns the model as the update of such a number, from 0 on, trains it.

        For what a recipe changes while it trains and no gradient does, as a linear
        start. Validation and test are always answered by the model as it is.
        """
        del step
        return self

    @property
    def headless(self) -> "AbstractModel | None":
        """The model that answers with what its head reads; None if it has no such form.

        Who asks can put an identity in the head's place instead, at a product's cost.
        """
        return None

    @abc.abstractmethod
    def __call__(
        self, sequence: Sequence, *, key: Key | None = None
    ) -> Inexact[Array, " outputs"] | Inexact[Array, "time outputs"]:
        """Returns values, or logits of classes or labels."""

    def trace(
        self, sequence: Sequence, *context: Sequence, nudges: Nudges = NO_NUDGES
    ) -> Trace:
        """Returns the answers with what led to them.

        Here of a model of which nothing is known but its inputs. One that has states
        to show, or reads tokens, says so by a `trace` of its own; the table of tokens
        can be found without (`nnarena.diagnostics.lookup`).
        """
        if not jnp.issubdtype(sequence.xs.dtype, jnp.inexact):
            return Trace(self(sequence, *context))
        inputs = nudged(sequence.xs, nudges.inputs)
        return Trace(self(sequence.with_xs(inputs), *context), inputs)

    def attention_maps(self, sequence: Sequence, *context: Sequence) -> Maps:
        """Returns where it looked for its answers, by name.

        Computed beside the answers, of the same weights, for whoever asks: training
        never does. Generated answers are those that it says itself. Nothing where a
        model has no attention, or does not say where it looked.
        """
        del sequence, context
        return {}
