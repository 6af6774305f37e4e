"""The compiled form of a run that lowers a loss: start, check, test."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.compiling import RUN_ONCE, jit
from ..tasks.base import AbstractTask, Splits
from .base import AbstractProgram, program_bytes
from .compiling import sum_options
from .descent import AbstractDescent, count_of
from .flops import work


class DescentProgram(AbstractProgram):
    """The three compiled parts of a run: start, check, test.

    `begin` starts anew from given weights, at another rate. With `side_by_side` the
    rates on trial are an axis of every array of the state, after that of the seeds;
    what is tested has no such axis.
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
        self.splits = _drawn(descent.task, jax.tree.map(jnp.asarray, splits))
        self.checks = -(-descent.steps // descent.steps_per_check)
        shape = () if seeds is None else (seeds,)
        keys = jax.eval_shape(lambda: jnp.broadcast_to(jax.random.key(0), shape))
        count = jax.ShapeDtypeStruct((), jnp.int32)
        rows = self.splits.train, self.splits.validation
        first = descent.start_all if side_by_side else descent.start
        start = jit(batched(first, 0), RUN_ONCE)
        begin = jit(batched(descent.begin, (0, 0, 0)))
        one = tried(descent.check, (0, None, None, None, None, None))
        check = jit(batched(one, (0, None, None, None, None, 0)))
        test = jit(batched(descent.evaluate, (0, 0, None)))
        step = descent.trace_step(splits.train)
        options = sum_options(step)
        state = jax.eval_shape(start, keys)
        alone = jax.eval_shape(batched(descent.start, 0), keys)
        self._start = start.lower(keys).compile()
        self.begin = begin  # compiled only where several rates are tried
        checked = check.lower(state, count, count, *rows, keys)
        _, self.told = checked.out_info  # the shapes and types of a check
        self._check = checked.compile(compiler_options=options)
        tested = test.lower(alone.best_params, alone.constants, self.splits.test)
        self._test = tested.compile(compiler_options=options)
        self.bytes = program_bytes(self._check)
        self.matmul_flops_per_step = work(step).exact_matmul_flops

    def start(self, init_key):
        return self._start(init_key)

    def advance(self, state, data_key):
        first = count_of(state.step)
        count = min(self.descent.steps_per_check, self.descent.steps - first)
        return self._check(
            state,
            jnp.int32(first),
            jnp.int32(count),
            self.splits.train,
            self.splits.validation,
            data_key,
        )

    def test(self, state):
        return self._test(state.best_params, state.constants, self.splits.test)

    def best(self, state):
        return eqx.combine(state.best_params, state.constants)


def _drawn(task: AbstractTask, splits: Splits) -> Splits:
    """Returns the splits with held-out rows of a synthetic task turned to examples."""
    if splits.train is not None:
        return splits
    draw = jit(jax.vmap(task.example), RUN_ONCE)
    return Splits(None, draw(splits.validation), draw(splits.test))
