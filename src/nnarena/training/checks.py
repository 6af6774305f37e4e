"""The check and the test of a run, compiled: as one program each, or in parts.

whole        check                                       test
in parts     train ─ answer validation ─ judge           answer test ─ tally

In parts, one program answers both splits, which halves what is compiled. Whole, the
answers stay where they were computed.
"""

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ..core.compiling import Options, jit
from ..core.types import Key, Keys
from ..tasks.base import Splits
from .base import Check, program_bytes
from .descent import AbstractDescent, Progress
from .held_out import Answering, drawn, in_batches
from .objective import Tally, objective_of, rows_judged


COUNT = jax.ShapeDtypeStruct((), jnp.int32)


@dataclass(frozen=True)
class Shapes:
    """Shapes of what programs are given: a state, one at a single rate, and keys."""

    state: Progress
    alone: Progress
    keys: Any


class AbstractChecks(abc.ABC):
    """What comes after the start of a run, compiled.

    `told` has the shapes of a check; `bytes` is what the largest program asks for.
    """

    told: Check
    bytes: int | None

    @abc.abstractmethod
    def check(
        self, state: Progress, first: int, count: int, data_key: Key | Keys
    ) -> tuple[Progress, Check]:
        """`count` updates from step `first` on, then a look at the validation split."""

    @abc.abstractmethod
    def test(self, params: PyTree, constants: PyTree) -> Tally:
        """Returns the tally of weights on the test split."""


class Whole(AbstractChecks):
    """A check is one program, and the test another.

    `seeds` and `tried` add the axes of seeds and of rates on trial to a function.
    """

    def __init__(
        self,
        descent: AbstractDescent,
        splits: Splits,
        shapes: Shapes,
        options: Options,
        *,
        seeds: Callable[..., Any],
        tried: Callable[..., Any],
    ):
        self._splits = jax.device_put(drawn(descent.task, splits))
        rows = self._splits.train, self._splits.validation
        check = tried(descent.check, (0, None, None, None, None, None))
        checked = jit(seeds(check, (0, None, None, None, None, 0))).lower(
            shapes.state, COUNT, COUNT, *rows, shapes.keys
        )
        tested = jit(seeds(descent.evaluate, (0, 0, None))).lower(
            shapes.alone.best_params, shapes.alone.constants, self._splits.test
        )
        _, self.told = checked.out_info
        self._check = checked.compile(compiler_options=options)
        self._test = tested.compile(compiler_options=options)
        self.bytes = program_bytes(self._check)

    def check(self, state, first, count, data_key):
        rows = self._splits.train, self._splits.validation
        return self._check(state, np.int32(first), np.int32(count), *rows, data_key)

    def test(self, params, constants):
        return self._test(params, constants, self._splits.test)


class InParts(AbstractChecks):
    """A check of one run is three programs, one of which is half of the test, too."""

    def __init__(
        self,
        descent: AbstractDescent,
        splits: Splits,
        shapes: Shapes,
        options: Options,
    ):
        state, held_out = shapes.state, drawn(descent.task, splits)
        self._train_rows = jax.device_put(splits.train)
        self._validation = in_batches(held_out.validation, descent.rows_at_once)
        self._test = in_batches(held_out.test, descent.rows_at_once)

        def answer(params, constants, rows):
            return rows_judged(descent.model(params, constants), descent.task, rows)

        def tally(answered):
            return objective_of(descent.task).tally(answered.in_turn)

        def judge(state, trained, answered):
            return descent.judge(state, trained, tally(answered))

        trained = jit(descent.train).lower(
            state, COUNT, COUNT, self._train_rows, shapes.keys
        )
        self._train = trained.compile(compiler_options=options)
        self._answer = Answering(answer, options)
        weights = state.params, state.constants
        seen = self._answer.compile(weights, self._validation)
        lowered = jit(judge).lower(state, trained.out_info, seen)
        _, self.told = lowered.out_info
        self._judge = lowered.compile(compiler_options=options)
        seen = self._answer.compile(weights, self._test)
        self._tally = jit(tally).lower(seen).compile(compiler_options=options)
        sizes = program_bytes(self._train), self._answer.bytes
        self.bytes = max(filter(None, sizes), default=None)

    def check(self, state, first, count, data_key):
        trained = self._train(
            state, np.int32(first), np.int32(count), self._train_rows, data_key
        )
        weights = trained.params, state.constants
        return self._judge(state, trained, self._answer(weights, self._validation))

    def test(self, params, constants):
        return self._tally(self._answer((params, constants), self._test))
