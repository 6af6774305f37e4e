"""Training by gradient descent: an optimizer, a schedule, early stopping."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int
from pydantic import Field

from ..core.frozen import trainable
from ..core.numbers import (
    AS_FLOAT,
    AboveZero,
    AtLeastOne,
    BelowOne,
    NotNegative,
    NotNegativeInt,
    Share,
    Trials,
)
from ..core.types import Scalar
from ..tasks.base import AbstractTask, Splits
from . import PENALTIES, TRAINERS
from .base import AbstractProgram, AbstractTrainer, Build, number
from .compiling import Compiled
from .descent import Plateau
from .descent_program import DescentProgram
from .flops import Work
from .flow import AbstractFlowPenalty, why_no_flow
from .gradient_steps import GradientSteps
from .lockstep import LockstepProgram
from .optimizers import Clipping, Optimizer, make_optimizer
from .penalties import AbstractPenalty, as_strengths, penalties_of
from .search import SearchProgram


Schedule = Literal["warmup_cosine", "constant", "plateau", "halving"]

DropFactor = Annotated[int | float, Field(gt=0, lt=1), AS_FLOAT]


def as_rates(given: Trials) -> float | tuple[float, ...]:
    """Returns one rate as a number, several as a tuple that rises."""
    if isinstance(given, int | float):
        return float(given)
    rates = tuple(sorted(float(rate) for rate in given))
    return rates[0] if len(rates) == 1 else rates


EFFECTIVE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "schedule": {
        "warmup": ("warmup_cosine",),
        **dict.fromkeys(("drop_checks", "drop_factor"), ("plateau",)),
        **dict.fromkeys(("halve_every", "halve_after"), ("halving",)),
    },
    "optimizer": {
        "momentum": ("momentum", "rmsprop_momentum"),
        "squares_kept": ("rmsprop", "rmsprop_momentum", "adadelta"),
    },
}
"""At which values of another setting a setting has an effect."""


@TRAINERS.register(
    "gradient_descent",
    family="gradient descent",
    source="loshchilov2019decoupled",
    # Decay went by the shape of an array before it went by the declared role.
    revisions={2: lambda settings: settings["weight_decay"] != 0},
    parts=penalties_of,
)
class GradientDescent(AbstractTrainer):
    """An `optimizer` (`nnarena.training.optimizers`) on fresh or shuffled batches.

    `steps` updates of `batch` examples at each `learning_rate`; after every
    `steps / checks` of them the validation split is read, and the weights with the
    lowest validation loss are kept; of answers that are generated, those with the best
    validation score. The rate rises linearly over `warmup` of the run
    and falls to 0 along a cosine, or is "constant", or falls by `drop_factor` at a
    "plateau": `drop_checks` checks without a gain; or it is halved after every
    `halve_every` updates, counted from `halve_after` on ("halving"). Gradients are
    clipped to `clip`, if it is not 0: their "global_norm", each "weight_norm", or every
    "value". Which weights `weight_decay` acts on is declared by their owners, and so is
    the multiple of the rate at which each moves (`nnarena.core.roles`). `penalties` are
    added to the loss, the mean of each over the batch at its strength; the curve shows
    the loss without them. `momentum` is that of the optimizers of this name,
    `squares_kept` what means of squares keep at a step in "rmsprop" and its like.
    Defaults are for "adamw" (Loshchilov & Hutter 2019): others need another
    `learning_rate`, and "adadelta" an `epsilon` of 1e-6. With `patience`, a run stops
    after that many checks
    without a gain. A gain is a validation loss more than `min_gain` below that of the
    last gain. A run whose loss is no longer finite stops as "diverged". A program that
    is `compiled` "quickly" begins to train in half the time or less, by steps that may
    take longer; results differ in their last bits.

    Of several rates each is tried, from the same start and on the same batches, and the
    weights with the lowest validation loss of all are tested, of equals those of the
    lowest rate: what a seed says includes the choice that it made. Such a run diverges
    if all rates do. In whatever order they are given, they are tried from the lowest
    on, in turn or, as an axis of arrays, at once; the curve shows them in turn.
    """

    steps: AtLeastOne = eqx.field(static=True, default=1_000)
    batch: AtLeastOne = eqx.field(static=True, default=32)
    learning_rate: float | tuple[float, ...] = eqx.field(
        static=True, default=3e-3, converter=as_rates
    )
    schedule: Schedule = eqx.field(static=True, default="warmup_cosine")
    warmup: float = number(Share, 0.1)
    clip: float = number(NotNegative, 1.0)
    weight_decay: float = number(NotNegative, 0.01)
    epsilon: float = number(AboveZero, 1e-8)
    checks: AtLeastOne = eqx.field(static=True, default=20)
    patience: AtLeastOne | None = eqx.field(static=True, default=None)
    min_gain: float = number(NotNegative, 0.0)
    drop_checks: AtLeastOne = eqx.field(static=True, default=2)
    drop_factor: float = number(DropFactor, 0.1)
    halve_every: AtLeastOne = eqx.field(static=True, default=1_000)
    halve_after: NotNegativeInt = eqx.field(static=True, default=0)
    optimizer: Optimizer = eqx.field(static=True, default="adamw")
    momentum: float = number(BelowOne, 0.9)
    clip_by: Clipping = eqx.field(static=True, default="global_norm")
    penalties: dict[str, NotNegative] | None = eqx.field(
        static=True, default=None, converter=as_strengths
    )
    compiled: Compiled = eqx.field(static=True, default="well")
    squares_kept: float = number(BelowOne, 0.9)

    def __check_init__(self):
        for name in self.penalties or {}:
            _ = PENALTIES[name]
        if self.clip == 0.0 and self.clip_by != "global_norm":
            raise ValueError(
                f"clip_by is {self.clip_by!r}, but clip is 0, so that nothing is "
                "clipped: leave clip_by out, or give clip"
            )
        for switch, names in EFFECTIVE.items():
            for name, values in names.items():
                self._require_effect(name, switch, values)

    def _require_effect(self, name: str, switch: str, values: tuple[str, ...]) -> None:
        """Refuses a setting that was given where it has no effect."""
        given, set_to = getattr(self, name), getattr(self, switch)
        if set_to in values or given == type(self).__dataclass_fields__[name].default:
            return
        needed = " or ".join(f"{switch} = {value!r}" for value in values)
        raise ValueError(
            f"{name} is {given:g}, but has no effect where {switch} is {set_to!r}: "
            f"leave it out, or give {needed}"
        )

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates on trial, as they rise."""
        given = self.learning_rate
        return given if isinstance(given, tuple) else (given,)

    @property
    def steps_per_check(self) -> int:
        """Updates between two readings of the validation split; the last has less."""
        return -(-self.steps // self.checks)

    def rate(self, step: Int[Array, ""]) -> Scalar:
        """Returns the highest learning rate of an update, before plateaus."""
        highest = max(self.rates)
        if self.schedule == "halving":
            halvings = jnp.maximum(step - self.halve_after, 0) // self.halve_every
            return highest * 0.5 ** halvings.astype(jnp.float32)
        if self.schedule != "warmup_cosine":
            return jnp.full((), highest)
        warm = max(1, round(self.warmup * self.steps))
        at = step.astype(jnp.float32)
        rising = (at + 1.0) / warm
        done = jnp.clip((at - warm) / max(1, self.steps - warm), 0.0, 1.0)
        return highest * jnp.minimum(rising, 0.5 * (1 + jnp.cos(jnp.pi * done)))

    def transformation(self) -> optax.GradientTransformation:
        """Returns the optimizer, ready for gradients."""
        return make_optimizer(
            self.optimizer,
            self.rate,
            clip=self.clip,
            clip_by=self.clip_by,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            squares_kept=self.squares_kept,
            epsilon=self.epsilon,
        )

    def accepts(self, model):
        free = eqx.filter(model, trainable(model))
        if not jax.tree.leaves(free):
            return "it has no weight that moves"
        watched = any(isinstance(p, AbstractFlowPenalty) for p, _ in self._penalties)
        return why_no_flow(model) if watched else None

    @property
    def _penalties(self) -> list[tuple[Any, float]]:
        """The penalties with their strengths."""
        given = (self.penalties or {}).items()
        return [(PENALTIES[name].make(), strength) for name, strength in given]

    def descent(self, build: Build, task: AbstractTask) -> GradientSteps:
        """Returns the mathematics of a run of this recipe."""
        return GradientSteps(
            build=build,
            task=task,
            optimizer=self.transformation(),
            rate=self.rate,
            steps=self.steps,
            steps_per_check=self.steps_per_check,
            batch=self.batch,
            patience=self.patience,
            min_gain=self.min_gain,
            plateau=Plateau(self.drop_checks, self.drop_factor)
            if self.schedule == "plateau"
            else None,
            highest_rate=max(self.rates),
            scales=tuple(rate / max(self.rates) for rate in self.rates),
            penalties=tuple(
                pair for pair in self._penalties if isinstance(pair[0], AbstractPenalty)
            ),
            flow_penalties=tuple(
                pair
                for pair in self._penalties
                if isinstance(pair[0], AbstractFlowPenalty)
            ),
            compiled=self.compiled,
        )

    def compile(
        self,
        build: Build,
        task: AbstractTask,
        splits: Splits,
        *,
        seeds: int | None = None,
        trials_at_once: bool = False,
    ) -> AbstractProgram:
        descent = self.descent(build, task)
        if len(self.rates) == 1:
            return DescentProgram(descent, splits, seeds)
        if trials_at_once:
            return LockstepProgram(
                DescentProgram(descent, splits, seeds, side_by_side=True)
            )
        return SearchProgram(DescentProgram(descent, splits, seeds))

    def work(self, build: Build, task: AbstractTask, splits: Splits) -> Work:
        step = self.descent(build, task).step_work(splits.train)
        return step.times(self.steps * len(self.rates))
