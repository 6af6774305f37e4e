"""The compiled form of a run that lowers a loss: start, check, test."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.compiling import jit
from ..core.seeds import key_shape
from ..tasks.base import Splits
from .base import AbstractProgram
from .checks import InParts, Shapes, Whole
from .compiling import start_options, step_options
from .descent import AbstractDescent
from .flops import work
from .states import count_of


class DescentProgram(AbstractProgram):
    """The compiled start, check and test of a run.

    `begin` starts anew from given weights, at another rate; it is compiled where it is
    used. With `side_by_side` the rates on trial are an axis of every array of the
    state, after that of the seeds; what is tested has no such axis. `state` and `told`
    are the shapes of a state and of a check.
    """

    def __init__(
        self,
        descent: AbstractDescent,
        splits: Splits,
        seeds: int | None,
        *,
        side_by_side: bool = False,
    ):
        def batched(function, axes):
            return function if seeds is None else jax.vmap(function, in_axes=axes)

        def tried(function, axes):
            return jax.vmap(function, in_axes=axes) if side_by_side else function

        self.descent = descent
        self.checks = -(-descent.steps // descent.steps_per_check)
        first = descent.start_all if side_by_side else descent.start
        start = jit(batched(first, 0), start_options(descent.compiled))
        self.begin = batched(descent.begin, (0, 0, 0))

        keys = jax.eval_shape(lambda key: _spread(key, seeds), key_shape())
        self.state = alone = jax.eval_shape(start, keys)
        if side_by_side:
            alone = jax.eval_shape(batched(descent.start, 0), keys)
        step = descent.trace_step(splits.train, alone if seeds is None else None)
        given = Shapes(self.state, alone, keys), step_options(step, descent.compiled)
        self._start = start.lower(keys).compile()
        # On an accelerator, answers would come to the host and go back. Of several runs
        # at once the mean over a split has one divisor for all, by whose reciprocal XLA
        # multiplies; in parts each has its own, and last bits would differ.
        if seeds is None and not side_by_side and jax.default_backend() == "cpu":
            self._checks = InParts(descent, splits, *given)
        else:
            axes = {"seeds": batched, "tried": tried}
            self._checks = Whole(descent, splits, *given, **axes)
        self.told, self.bytes = self._checks.told, self._checks.bytes
        self.matmul_flops_per_step = work(step).exact_matmul_flops

    def start(self, init_key):
        return self._start(init_key)

    def advance(self, state, data_key):
        first = count_of(state.step)
        count = min(self.descent.steps_per_check, self.descent.steps - first)
        return self._checks.check(state, first, count, data_key)

    def test(self, state):
        return self._checks.test(state.best_params, state.constants)

    def best(self, state):
        return eqx.combine(state.best_params, state.constants)


def _spread(key, seeds: int | None):
    return key if seeds is None else jnp.broadcast_to(key, (seeds,))
