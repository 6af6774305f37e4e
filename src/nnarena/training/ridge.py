"""Ridge regression of the readout, for models whose inside is not trained."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AtLeastOne, Trials
from ..core.seeds import key_shape
from ..models.decoder import AbstractDecoder
from ..tasks.base import AbstractTask, Splits
from . import TRAINERS
from .base import AbstractProgram, AbstractTrainer, Build
from .flops import Work, work
from .reading import Reading
from .readout import why_not
from .ridge_program import RidgeProgram


def as_strengths(given: Trials) -> tuple[float, ...]:
    """Returns strengths as a tuple that rises: their order decides nothing."""
    several = [given] if isinstance(given, int | float) else given
    return tuple(sorted(float(strength) for strength in several))


@TRAINERS.register(
    "ridge",
    family="closed form",
    source="hoerl1970ridge",
    version=2,
    former={"strengths": (1e-8, 1e-6, 1e-4, 1e-2, 1.0)},
)
class Ridge(AbstractTrainer):
    r"""The readout in closed form, all other weights as they start.

    $$\min_{W, b} \frac{1}{n} \sum_i |W h_i + b - y_i|^2 + \lambda |W|^2$$

    over all answers that count, of examples that are answered once or at every step. A
    class is a target of 1 among zeros, a label one of 1 or 0. Such answers are near
    shares, and tasks read logits: their order stands, but a share of 0 is read as an
    even chance, so that a likelihood of labels is hardly above that of guessing.
    $\lambda$ is the one of `strengths` with the lowest squared error on the validation
    split, and that error chooses among the checks too. Solved in float64 on the host;
    the states are float32, so that a strength below 1e-12 would fit their rounding.

    The examples are those that `gradient_descent` would see with the same `steps`,
    `batch` and `checks`, in the same order: each batch once, and each row of recorded
    data once at most. A check solves for all of them so far, so that the curve shows
    what more examples add; its losses are the task's own, of the readout of that check.
    """

    steps: AtLeastOne = eqx.field(static=True, default=1_000)
    batch: AtLeastOne = eqx.field(static=True, default=32)
    checks: AtLeastOne = eqx.field(static=True, default=20)
    strengths: tuple[float, ...] = eqx.field(
        static=True,
        default=(1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1.0),
        converter=as_strengths,
    )

    def accepts(self, model):
        if isinstance(model, AbstractDecoder) and model.signature.generated:
            return "it generates its answers, and each changes what the readout reads"
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
        return work(step).times(reading.steps)
