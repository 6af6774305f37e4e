"""A penalty under test: a small network, and a question of every kind."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core.faults import (
    EntrantProblem,
    blaming,
    place_of,
    require_constructor,
    require_sound,
    told,
)
from ..core.registry import Entry
from ..core.seeds import key_for
from ..core.types import Classes, Example, Key, Scalar, Sequence, Signature
from ..models.base import AbstractModel
from ..models.contender import Contender
from ..training import PENALTIES
from ..training.flow import (
    AbstractFlowPenalty,
    flow_of,
    penalty_of_batch,
    why_no_flow,
)
from ..training.losses import Loss
from ..training.penalties import AbstractPenalty
from .model_case import SIGNATURES, draw_inputs
from .quick import quick_jit


MODEL, WIDTH, STEPS = "gru", 4, 5

ACCEPTED = (AbstractPenalty, AbstractFlowPenalty)


@dataclass(frozen=True)
class Penalized:
    """The value of a penalty, and the largest number of its gradient."""

    value: float
    slope: float


class PenaltyCase:
    """A registered penalty, ready to be held to the laws.

    Raises:
        UnknownName: no penalty carries the name.
    """

    def __init__(self, name: str):
        self.name = name
        self.entry: Entry = PENALTIES[name]
        self._models: dict[str, AbstractModel] = {}

    def require_sound(self) -> None:
        """Returns if the penalty can be made, and is one real number, as traced.

        Raises:
            EntrantProblem: it is not; with file and line.
        """
        make: Any = self.entry.make
        if not (isinstance(make, type) and issubclass(make, ACCEPTED)):
            raise EntrantProblem(
                f"{place_of(make)}is registered as a penalty, but is not an "
                "AbstractPenalty"
            )
        require_constructor(make, "", {}, key=False)
        for signature in SIGNATURES:
            model, example = self.model(signature), example_of(signature)
            with blaming(make, "__call__", self._asked(signature)):
                found = eqx.filter_eval_shape(
                    partial(lowered, self.penalty, signature), model, example, _key()
                )
            require_sound(
                getattr(found, "shape", None) == ()
                and jnp.issubdtype(found.dtype, jnp.floating),
                make,
                "__call__",
                f"returned {told(found)}, but expected is one number: () in float32",
            )

    @cached_property
    def penalty(self) -> AbstractPenalty | AbstractFlowPenalty:
        return self.entry.make()

    def model(self, signature: Signature) -> AbstractModel:
        """Returns a small network for one kind of question."""
        name = repr(signature)
        if name not in self._models:
            init = key_for("init", 0, MODEL, "penalty")
            self._models[name] = Contender(MODEL).build(signature, WIDTH, key=init)
        return self._models[name]

    def of(self, signature: Signature, key: Key | None = None) -> Penalized:
        """Returns what the penalty, made and traced anew, is of the network.

        Raises:
            EntrantProblem: it raises something of such a network.
        """
        penalty = self.entry.make()

        @quick_jit
        def value_and_slope(model: AbstractModel, example: Example, key: Key):
            def value(free: Any, others: Any) -> Scalar:
                model = eqx.combine(free, others)
                return lowered(penalty, signature, model, example, key)

            parts = eqx.partition(model, eqx.is_inexact_array)
            return jax.value_and_grad(value)(*parts)

        with blaming(self.entry.make, "__call__", self._asked(signature)):
            value, slopes = value_and_slope(
                self.model(signature), example_of(signature), _key(key)
            )
        largest = [float(jnp.max(jnp.abs(slope))) for slope in jax.tree.leaves(slopes)]
        return Penalized(float(value), float(np.max(largest, initial=0.0)))

    def _asked(self, signature: Signature) -> str:
        return f"of a {MODEL} on a task that answers {signature.when}"


def example_of(signature: Signature) -> Example:
    """Returns one random example of a signature, its targets all zero."""
    xs, dts = draw_inputs(signature, STEPS)
    outputs, axes = signature.outputs, signature.answer_axes(STEPS)
    classes = isinstance(outputs, Classes)
    targets = jnp.zeros(axes, int) if classes else jnp.zeros((*axes, outputs.size))
    return Example(Sequence(jnp.asarray(xs), jnp.asarray(dts)), targets)


def lowered(
    penalty: AbstractPenalty | AbstractFlowPenalty,
    signature: Signature,
    model: AbstractModel,
    example: Example,
    key: Key,
) -> Any:
    """Returns what a penalty lowers of one example: one number, if it is sound.

    Raises:
        EntrantProblem: it is one on the flow of gradients, and nothing flows.
    """
    if isinstance(penalty, AbstractPenalty):
        return penalty(model, example, key=key)
    reason = why_no_flow(model)
    if reason is not None:
        raise EntrantProblem(reason)

    def loss(answers: Array) -> Scalar:
        judged = example.judged(signature.answers)
        return Loss(signature.outputs).sums(answers, example.targets, judged).value

    seen = jax.tree.map(lambda part: part[None], flow_of(model, example, loss))
    return penalty_of_batch([(penalty, 1.0)], model, seen)


def _key(key: Key | None = None) -> Key:
    return jax.random.key(0) if key is None else key
