"""Expectation maximization, for models that are one linear filter of their inputs."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import AtLeastOne
from ..core.seeds import key_shape
from ..tasks.base import AbstractTask, Splits
from . import TRAINERS
from .base import AbstractProgram, AbstractTrainer, Build, with_weights
from .em_program import EMProgram, filter_of, why_no_filter
from .flops import Work, work
from .linear_system import Start
from .reading import Reading
from .readout import why_not
from .ridge import Ridge, as_strengths


@TRAINERS.register("em", family="closed form", source="shumway1982approach")
class EM(AbstractTrainer):
    r"""A linear system fitted to the inputs, and a readout of its filter's states.

    $$x_t = m_t C + u_t, \quad m_{t+1} = m_t A + w_t, \quad
    u_t \sim N(0, R), \quad w_t \sim N(0, Q)$$

    Each iteration finds what a Kalman filter and Rauch's, Tung's and Striebel's
    smoother make of the states, and the system that suits these best, in closed form:
    the likelihood of the inputs never falls. The gain $K$ of the model is that at which
    the filter of the system settles. The answers are not looked at until the readout
    is fitted to the states, as `ridge` does, with the one of `strengths` that has the
    lowest squared error on the validation split. A check is so many iterations more
    and a readout anew; that error chooses among the checks too. All in float64 on the
    host.

    $A$ and $C$ start as the model's do, $Q$, $R$ and the covariance of the first state
    as the identity, in units of the root mean square of the inputs. With `start`
    "zero" the first state has the mean 0, from which the model's filter starts; "free"
    fits it too, though the filter knows nothing of it. A variance of $R$ is never
    less than a millionth. Where a system is without noise the gain of the settled
    filter goes to 0 with $Q$, and the model, which starts from 0, then follows worse
    than Kalman's filter, whose gain is large at first: the validation error sees that.

    The examples are the first that `gradient_descent` would see with the same `steps`
    and `batch`, `rows` at most, in whole batches; each iteration reads them all, and
    the curve counts the batches read. It shows the `negative_log_likelihood` of the
    inputs of a step, in nats; the losses are the task's own, of the readout of that
    check.
    """

    iterations: AtLeastOne = eqx.field(static=True, default=40)
    rows: AtLeastOne = eqx.field(static=True, default=1_000)
    start: Start = eqx.field(static=True, default="zero")
    steps: AtLeastOne = eqx.field(static=True, default=1_000)
    batch: AtLeastOne = eqx.field(static=True, default=32)
    checks: AtLeastOne = eqx.field(static=True, default=20)
    strengths: tuple[float, ...] = eqx.field(
        static=True, default=Ridge().strengths, converter=as_strengths
    )

    def accepts(self, model):
        return why_no_filter(model) or why_not(model)

    def reading(self, build: Build, task: AbstractTask, splits: Splits) -> Reading:
        """Returns how the examples of a run are read: all of them at every check."""
        steps = min(self.steps, -(-self.rows // self.batch))
        ridge = Ridge(steps=steps, batch=self.batch, checks=1)
        return ridge.reading(build, task, splits)

    @property
    def per_check(self) -> int:
        """How many iterations there are from check to check, at most."""
        return -(-self.iterations // self.checks)

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
        return EMProgram(
            self.reading(build, task, splits),
            splits,
            self.strengths,
            seeds,
            iterations=self.iterations,
            per_check=self.per_check,
            start=self.start,
        )

    def work(self, build: Build, task: AbstractTask, splits: Splits) -> Work:
        """Returns the work of a run: of reading for every readout, and of all filters.

        Of a filter and its smoother the products of states are counted, of all rows.
        """
        reading, key = self.reading(build, task, splits), key_shape()
        arrays = jax.eval_shape(reading.start, key)
        number = jax.ShapeDtypeStruct((), jnp.int32)
        rows = jax.eval_shape(reading.rows, number, splits.train, key)
        step = jax.make_jaxpr(reading.read)(arrays, rows, number, number)
        checks = -(-self.iterations // self.per_check)
        read = work(step).times(2 * reading.steps * checks)  # for the fit, then judged
        xs, _ = jax.eval_shape(reading.inputs, arrays, rows)
        hidden, features = filter_of(with_weights(build, arrays)).observation.shape
        each = 5 * hidden**2 + 5 * hidden * features + features**2
        products = 2 * self.iterations * math.prod(xs.shape[:2]) * each
        return read._replace(
            matmul_flops=read.matmul_flops + products,
            elements=read.elements + self.iterations * xs.size,
        )
