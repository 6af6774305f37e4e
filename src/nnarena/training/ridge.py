"""Ridge regression of the readout, for models whose inside is not trained."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.seeds import key_shape
from ..tasks.base import AbstractTask, Splits
from . import TRAINERS
from .base import AbstractProgram, AbstractTrainer, Build
from .flops import Work, work
from .reading import Reading
from .readout import why_not
from .ridge_program import RidgeProgram


def as_strengths(given: int | float | Sequence[float]) -> tuple[float, ...]:
    """Returns strengths as a tuple."""
    several = [given] if isinstance(given, int | float) else given
    return tuple(float(strength) for strength in several)


@TRAINERS.register("ridge", family="closed form", source="hoerl1970ridge")
class Ridge(AbstractTrainer):
    r"""The readout in closed form, all other weights as they start.

    $$\min_{W, b} \frac{1}{n} \sum_i |W h_i + b - y_i|^2 + \lambda |W|^2$$

    over all answers that count, of examples that are answered once or at every step. A
    class is a target of 1 among zeros. $\lambda$ is the one of `strengths` with the
    lowest squared error on the validation split, and that error chooses among the
    checks too. Solved in float64 on the host.

    The examples are those that `gradient_descent` would see with the same `steps`,
    `batch` and `checks`, in the same order: each batch once, and each row of recorded
    data once at most. A check solves for all of them so far, so that the curve shows
    what more examples add; its losses are the task's own, of the readout of that check.
    """

    steps: int = eqx.field(static=True, default=1_000)
    batch: int = eqx.field(static=True, default=32)
    checks: int = eqx.field(static=True, default=20)
    strengths: tuple[float, ...] = eqx.field(
        static=True, default=(1e-8, 1e-6, 1e-4, 1e-2, 1.0), converter=as_strengths
    )

    def __check_init__(self):
        counts = {"steps": self.steps, "batch": self.batch, "checks": self.checks}
        for name, count in counts.items():
            if not isinstance(count, int) or count < 1:
                raise ValueError(f"{name} must be a whole number of at least 1")
        if not self.strengths or min(self.strengths) <= 0:
            raise ValueError("strengths must be numbers above 0, one at least")

    def accepts(self, model):
        return why_not(model)

    def reading(self, build: Build, task: AbstractTask, splits: Splits) -> Reading:
        """Returns how the examples of a run are read."""
        steps = self.steps
        if splits.train is not None:
            rows = jax.tree.leaves(splits.train)[0].shape[0]
            steps = min(steps, -(-rows // self.batch))
        return Reading(
            build=build,
            task=task,
            steps=steps,
            steps_per_check=-(-steps // self.checks),
            batch=self.batch,
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
        del trials_at_once  # all strengths share one decomposition
        return RidgeProgram(
            self.reading(build, task, splits), splits, self.strengths, seeds
        )

    def work(self, build: Build, task: AbstractTask, splits: Splits) -> Work:
        reading, key = self.reading(build, task, splits), key_shape()
        arrays = jax.eval_shape(reading.start, key)
        number = jax.ShapeDtypeStruct((), jnp.int32)
        rows = jax.eval_shape(reading.rows, number, splits.train, key)
        step = jax.make_jaxpr(reading.read)(arrays, rows, number, number)
        return work(step).times(2 * reading.steps)  # read for the fit, then judged
