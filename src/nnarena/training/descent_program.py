"""The compiled form of a run that lowers a loss.

start ─ train ─ answer validation ─ judge ─ train ─ ... ─ answer test ─ tally

A check is three programs, since one of them is that of the test, too.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core.compiling import jit
from ..core.seeds import key_shape
from ..tasks.base import Splits
from .base import AbstractProgram, program_bytes
from .compiling import start_options, step_options
from .descent import AbstractDescent
from .flops import work
from .held_out import Answering, drawn, in_batches
from .states import count_of


class DescentProgram(AbstractProgram):
    """The compiled parts of a run.

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
        self.train_rows = jax.device_put(splits.train)
        held_out, rows = drawn(descent.task, splits), max(descent.batch, 64)
        self.validation_batches = in_batches(held_out.validation, rows)
        self.test_batches = in_batches(held_out.test, rows)

        first = descent.start_all if side_by_side else descent.start
        start = jit(batched(first, 0), start_options(descent.compiled))
        self.begin = batched(descent.begin, (0, 0, 0))
        one = tried(descent.train, (0, None, None, None, None))
        train = jit(batched(one, (0, None, None, None, 0)))
        judge = jit(batched(tried(descent.judge, 0), 0))
        tally = jit(batched(descent.tally, 0))

        keys = jax.eval_shape(lambda key: _spread(key, seeds), key_shape())
        self.state = state = jax.eval_shape(start, keys)
        alone = state
        if side_by_side:
            alone = jax.eval_shape(batched(descent.start, 0), keys)
        step = descent.trace_step(splits.train, None if seeds else alone)
        options = step_options(step, descent.compiled)
        answering = Answering(batched(descent.answer, (0, 0, None)), options)
        looking = answering
        if side_by_side:
            look = tried(descent.answer, (0, 0, None))
            looking = Answering(batched(look, (0, 0, None)), options)

        count = jax.ShapeDtypeStruct((), jnp.int32)
        self._start = start.lower(keys).compile()
        trained = train.lower(state, count, count, self.train_rows, keys)
        self._train = trained.compile(compiler_options=options)
        weights = trained.out_info.params, state.constants
        seen = looking.compile(weights, self.validation_batches)
        judged = judge.lower(state, trained.out_info, seen)
        _, self.told = judged.out_info
        self._judge = judged.compile(compiler_options=options)
        weights = alone.best_params, alone.constants
        seen = answering.compile(weights, self.test_batches)
        self._tally = tally.lower(seen).compile(compiler_options=options)
        self._answer, self._look = answering, looking
        sizes = [program_bytes(self._train) or 0, looking.bytes or 0]
        self.bytes = max(sizes) or None
        self.matmul_flops_per_step = work(step).exact_matmul_flops

    def start(self, init_key):
        return self._start(init_key)

    def advance(self, state, data_key):
        first = count_of(state.step)
        count = min(self.descent.steps_per_check, self.descent.steps - first)
        trained = self._train(
            state, np.int32(first), np.int32(count), self.train_rows, data_key
        )
        weights = trained.params, state.constants
        seen = self._look(weights, self.validation_batches)
        return self._judge(state, trained, seen)

    def test(self, state):
        weights = state.best_params, state.constants
        return self._tally(self._answer(weights, self.test_batches))

    def best(self, state):
        return eqx.combine(state.best_params, state.constants)


def _spread(key, seeds: int | None):
    return key if seeds is None else jnp.broadcast_to(key, (seeds,))
