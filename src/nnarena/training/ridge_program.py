"""The compiled form of a ridge regression: read, solve on the host, look, test.

device   read a batch ─ read a batch ─ ...      look at train and validation
host          └ sums ───────┴ sums ─ ... ─ solve for each strength ┘

The look takes what was read (`reads.py`): only the readout is another one since.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, PyTree

from ..core.compiling import RUN_ONCE, jit
from ..core.seeds import key_shape
from ..core.types import Key, Keys
from ..tasks.base import Rows, Splits
from .base import AbstractProgram, Check, program_bytes
from .held_out import drawn
from .objective import Tally, objective_of
from .reading import Reading
from .readout import (
    Moments,
    Solution,
    moments_of,
    readout,
    replaced,
    single_thread,
    solutions,
)
from .reads import Reads
from .states import beside, choose, of_seeds


SAME = 0.01
"""How far an answer may be from that of its readout, by rounding."""


class Regression(eqx.Module):
    """The state of a run between two checks; arrays of numpy but for the weights.

    `seen` are the sums over the examples so far, `held` those over the validation
    split. `weight`, `bias`, `strength`, `error` and `best_step` are those of the best
    readout so far, at first of the model's own.
    """

    arrays: PyTree
    seen: Moments
    held: Moments
    weight: Float[np.ndarray, "*seeds outputs inputs"]
    bias: Float[np.ndarray, "*seeds outputs"] | None
    strength: Float[np.ndarray, "*seeds"]
    error: Float[np.ndarray, "*seeds"]
    best_step: Int[np.ndarray, "*seeds"]
    step: Int[np.ndarray, "*seeds"]
    stopped: Bool[np.ndarray, "*seeds"]
    diverged: Bool[np.ndarray, "*seeds"]


class RidgeProgram(AbstractProgram):
    """The compiled parts of a run, and what is computed on the host between them."""

    def __init__(
        self,
        reading: Reading,
        splits: Splits,
        strengths: tuple[float, ...],
        seeds: int | None,
    ):
        def batched(function: Callable, axes: Any) -> Any:
            return jit(function if seeds is None else jax.vmap(function, in_axes=axes))

        self.reading, self.strengths, self.seeds = reading, strengths, seeds
        self.splits = jax.device_put(drawn(reading.task, splits))
        self.checks = -(-reading.steps // reading.steps_per_check)
        self.matmul_flops_per_step = None  # the host's products are not counted
        started = reading.start if seeds is None else jax.vmap(reading.start)
        self._start = jit(started, RUN_ONCE)
        self._rows = batched(reading.rows, (None, None, 0))
        self._answering = batched(reading.answering, (0, 0, 0))
        keys = jax.eval_shape(lambda key: _spread(key, seeds), key_shape())
        arrays = jax.eval_shape(self._start, keys)
        zero = jax.ShapeDtypeStruct((), jnp.int32)
        rows = jax.eval_shape(self._rows, zero, self.splits.train, keys)
        own, shared = (0, 0, None, None), (0, None, None, None)
        read = batched(reading.read, own).lower(arrays, rows, zero, zero).compile()
        self._read, self.bytes = read, program_bytes(read)
        self._held = self._cut(self.splits.validation)
        self._read_held = batched(reading.read, shared)
        self._departure = batched(reading.departure, (0, None, 0))
        self._loss, self._judged = (
            batched(of_answers, (0, 0)) for of_answers in (reading.loss, reading.judged)
        )
        self._tally = batched(objective_of(reading.task).tally, (0,))
        evaluated = batched(reading.evaluate, (0, None))
        self._test = evaluated.lower(arrays, self.splits.test).compile()
        self._held_read: Reads | None = None

    def _cut(self, rows: Rows) -> PyTree:
        """Returns a split in batches; the last is filled up with first rows."""
        count, batch = _length(rows), self.reading.batch
        places = np.arange(-(-count // batch) * batch).reshape(-1, batch) % count
        return jax.tree.map(lambda column: column[places], rows)

    def start(self, init_key):
        arrays = self._start(init_key)
        reads = self._held_reads(arrays)
        first = jax.tree.map(lambda column: column[0], self._held)
        # An overflow has no distance: it ends as diverged, at the first check.
        if np.any(np.asarray(self._departure(arrays, first, next(iter(reads)))) > SAME):
            raise ValueError(
                "ridge cannot train it: its answers are not those of its readout, "
                "something follows it"
            )
        return self.begin(arrays)

    def begin(self, arrays: PyTree) -> Regression:
        """Returns the state of a regression that has seen nothing, of these arrays."""
        with single_thread():
            held = self._sums(self._held_reads(arrays))
        head = readout(arrays)
        blank = np.zeros(() if self.seeds is None else self.seeds)
        none = np.zeros(blank.shape, np.int32)
        return Regression(
            arrays=arrays,
            seen=jax.tree.map(np.zeros_like, held),
            held=held,
            weight=np.asarray(head.weight),
            bias=None if head.bias is None else np.asarray(head.bias),
            strength=np.full_like(blank, np.nan),
            error=np.full_like(blank, np.inf),
            best_step=none,
            step=none,
            stopped=none.astype(bool),
            diverged=none.astype(bool),
        )

    def _held_reads(self, arrays: PyTree) -> Reads:
        """Returns what the validation split gives: of a run, the same at every look."""
        kept = self._held_read
        if kept is None or not kept.are_of(arrays):
            count, batch = _length(self.splits.validation), self.reading.batch
            kept = Reads(self._read_held, arrays, self._held, count, batch)
            self._held_read = kept
        return kept

    def _sums(self, reads: Reads) -> Moments:
        """Returns the sums over all rows that were read."""
        total: Moments | None = None
        for given in reads:
            parts = [
                moments_of(one.hidden, one.targets, one.counts)
                for one in of_seeds(jax.tree.map(np.asarray, given), self.seeds)
            ]
            sums = beside(parts, self.seeds)
            total = sums if total is None else total.plus(sums)
        assert total is not None, "there are no rows"
        return total

    def advance(self, state, data_key):
        first = int(np.max(state.step))
        last = min(first + self.reading.steps_per_check, self.reading.steps)
        rows = self._rows(np.int32(first), self.splits.train, data_key)
        count = self.reading.count(first, last, self.splits.train)
        reads = Reads(self._read, state.arrays, rows, count, self.reading.batch)
        with single_thread():
            seen = state.seen.plus(self._sums(reads))
            pairs = of_seeds((seen, state), self.seeds)
            found = [self._solve(moments, one) for moments, one in pairs]
        solved = beside([solution for solution, _ in found], self.seeds)
        error = beside([error for _, error in found], self.seeds)
        check = self._check(state.arrays, solved, reads, np.full_like(state.step, last))
        losses = check.train_loss + check.validation_loss + check.validation_score
        finite = np.asarray(np.isfinite(losses + error))
        return self._judge(state, seen, solved, error, finite, check)

    def _solve(
        self, moments: Moments, state: Regression
    ) -> tuple[Solution, np.ndarray]:
        """Returns one seed's best readout of all strengths, and its validation error.

        Where the model's numbers are not finite, the readout that it has.
        """
        if not (moments.finite and state.held.finite):
            kept = Solution(state.weight, state.bias, np.asarray(np.nan))
            return kept, np.asarray(np.nan)
        tried = list(solutions(moments, self.strengths, bias=state.bias is not None))
        errors = [solution.error(state.held) for solution in tried]
        best = int(np.argmin(errors))
        return tried[best], np.asarray(errors[best])

    def _check(
        self, arrays: PyTree, solved: Solution, reads: Reads, step: np.ndarray
    ) -> Check:
        """Returns the task's figures of a readout, on the check's rows and held-out."""
        head = replaced(readout(arrays), solved.weight, solved.bias)
        tallies = [self._loss(head, read) for read in reads]
        trained = jax.tree.map(lambda *leaves: sum(leaves), *tallies)
        looked = self._look(head, self._held_reads(arrays))
        blank = np.zeros_like(step)
        return jax.tree.map(
            np.asarray,
            Check(
                step=step,
                train_loss=trained.value,
                validation_loss=looked.mean_loss,
                validation_score=looked.mean_score,
                best_step=blank,
                stopped=blank.astype(bool),
                diverged=blank.astype(bool),
            ),
        )

    def _look(self, head: eqx.nn.Linear, reads: Reads) -> Tally:
        """Returns the tally of a readout on the validation split."""
        axis, count = 0 if self.seeds is None else 1, _length(self.splits.validation)
        parts = jax.device_get([self._judged(head, read) for read in reads])

        def whole(*leaves: np.ndarray) -> np.ndarray:
            joined = np.concatenate(leaves, axis)
            return np.split(joined, [count], axis)[0]  # the last batch is filled up

        return self._tally(jax.tree.map(whole, *parts))

    def _judge(
        self,
        state: Regression,
        seen: Moments,
        solved: Solution,
        error: np.ndarray,
        finite: np.ndarray,
        check: Check,
    ) -> tuple[Regression, Check]:
        """Keeps the best readout and decides whether the run goes on."""
        better = np.asarray(finite & (error < state.error))
        step = np.asarray(check.step)
        kept = (state.weight, state.bias, state.strength, state.error, state.best_step)
        found = (solved.weight, solved.bias, solved.strength, error, step)
        weight, bias, strength, least, best_step = choose(better, found, kept)
        following = Regression(
            arrays=state.arrays,
            seen=seen,
            held=state.held,
            weight=weight,
            bias=bias,
            strength=strength,
            error=least,
            best_step=best_step,
            step=step,
            stopped=np.asarray(~finite | (step >= self.reading.steps)),
            diverged=np.asarray(~finite),
        )
        # Beside other seeds a stopped one goes on being computed, but nothing changes.
        after = choose(state.stopped, state, following)
        after = replace(after, arrays=state.arrays, held=state.held)
        return after, replace(
            check,
            step=after.step,
            best_step=after.best_step,
            stopped=after.stopped,
            diverged=after.diverged,
            figures={"strength": solved.strength, "validation_squared_error": error},
            chosen={"strength": after.strength},
        )

    def test(self, state):
        return self.tested(self.best(state))

    def tested(self, arrays: PyTree) -> Tally:
        """Returns the tally of a model's arrays on the test split."""
        return self._test(arrays, self.splits.test)

    def best(self, state):
        return self._answering(state.arrays, state.weight, state.bias)


def _spread(key: Key, seeds: int | None) -> Key | Keys:
    return key if seeds is None else jnp.broadcast_to(key, (seeds,))


def _length(rows: Rows) -> int:
    return jax.tree.leaves(rows)[0].shape[0]
