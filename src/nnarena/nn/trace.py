"""What a model did on the way to its answers, and what may be added on that way."""

import equinox as eqx
from jaxtyping import Array, Bool, Float, Inexact

from ..core.types import State, Times


class Nudges(eqx.Module):
    """What is added on the way to an answer, to see what the answer feels.

    `inputs` is added to what the first layer reads; `states` to the state that each
    step of each layer finds; `hs` to its output, on the way to the next layer or the
    readout. All are shaped as in the `Trace`; None adds nothing.
    """

    inputs: Float[Array, "time width"] | None = None
    states: tuple[State | None, ...] | None = None
    hs: tuple[Float[Array, "time hidden"], ...] | None = None


NO_NUDGES = Nudges()


class Trace(eqx.Module):
    """What a model did on the way to its answers.

    Its steps are those of the question, after those of a context where both are read as
    one. `inputs` is what its first layer reads, None for tokens that a model of its own
    looks up out of sight. `states` and `hs` have an entry per layer, from the first on:
    what each step of a cell left behind, None for a layer without a state, and the
    outputs; of a layer of several cells the states are a tuple, each as its cell reads.
    A model without layers that are known to the arena has none. `dts` and `present` are
    those of the steps, where there are layers.
    """

    answers: Inexact[Array, " outputs"] | Inexact[Array, "answers outputs"]
    inputs: Float[Array, "time width"] | None = None
    states: tuple[State | None, ...] = ()
    hs: tuple[Float[Array, "time hidden"], ...] = ()
    dts: Times | None = None
    present: Bool[Array, " time"] | None = None


def nudged(
    vectors: Float[Array, "time width"], nudge: Float[Array, "time width"] | None
) -> Float[Array, "time width"]:
    """Returns the sum, or the vectors as they are where nothing is to be added."""
    return vectors if nudge is None else vectors + nudge
