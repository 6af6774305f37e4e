"""Several learning rates at once, as an axis of arrays, told one after another.

    check      0   1   2  ...  last
    rate 0     ●───●───●── ... ──●   computed together, told as they come;
    rate 1     ●───●───●── ... ──●   told from memory when rate 0 is over,
    rate 2     ●───●───●── ... ──●   and so on

A run says the same, in the same order, as when its rates are tried in turn (`search`),
but for the last bits of products of another shape. The way for an accelerator.

Each seed is reported by its own checks alone, whatever the seeds beside it do: those of
a group that were broken off may go on with fewer beside them.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree

from ..core.compiling import jit
from ..core.types import Key, Keys
from .base import AbstractProgram, Check
from .descent import Progress
from .descent_program import DescentProgram
from .states import choose, count_of


class Rehearsal(eqx.Module):
    """The state between two checks: that of every rate, and what is yet to be reported.

    `curves` hold all checks so far, at `[..., rate, check]`. `advances`
    counts the checks that were reported, of every seed as many; after its last check a
    seed is reported as it was there.
    """

    progress: Progress
    initial: PyTree
    curves: Check
    advances: Int[Array, "*seeds"]


class Winner(eqx.Module):
    """The best rate of a seed, whether it is any good, its best step over all rates."""

    trial: Int[Array, ""]
    exists: Bool[Array, ""]
    step: Int[Array, ""]


class LockstepProgram(AbstractProgram):
    """A descent at each of several rates at once; the last to stop ends them all."""

    def __init__(self, program: DescentProgram):
        self.program = program
        self.scales = jnp.array(program.descent.scales)
        self.trials_at_once = len(self.scales)
        self.checks = program.checks * len(self.scales)
        self.bytes = program.bytes
        self.matmul_flops_per_step = program.matmul_flops_per_step
        self._tell, self._choose = of_each(self._last_check), of_each(self._chosen)

    def start(self, init_key):
        progress = self.program.start(init_key)
        curves = jax.tree.map(
            lambda figure: jnp.zeros(
                (*figure.shape, self.program.checks), figure.dtype
            ),
            self.program.told,
        )
        none = jnp.zeros(progress.step.shape[:-1], int)
        first = (slice(None),) * none.ndim + (0,)
        initial = jax.tree.map(lambda leaf: leaf[first], progress.params)
        return Rehearsal(progress, initial, curves, none)

    def advance(self, state, data_key):
        if not bool(jnp.all(state.progress.stopped)):
            state = self._train(state, data_key)
        state = eqx.tree_at(lambda s: s.advances, state, state.advances + 1)
        return state, self._tell(state)

    def _train(self, state: Rehearsal, data_key: Key | Keys) -> Rehearsal:
        progress, check = self.program.advance(state.progress, data_key)
        at = count_of(state.advances)
        curves = jax.tree.map(
            lambda curve, figure: curve.at[..., at].set(figure), state.curves, check
        )
        return Rehearsal(progress, state.initial, curves, state.advances)

    def _last_check(self, state: Rehearsal) -> Check:
        """Returns the check of one seed that is reported last."""
        steps, trials = state.progress.step, self.trials_at_once
        # How many checks the rate has behind it that went furthest.
        computed = -(-jnp.max(steps) // self.program.descent.steps_per_check)
        told = jnp.minimum(state.advances, trials * computed)
        trial, check = jnp.divmod(told - 1, computed)
        over = (check + 1 == computed) & jnp.all(state.progress.stopped)
        last = over & (trial + 1 == trials)
        kept = jax.tree.map(lambda curve: curve[trial, check], state.curves)
        earlier = jnp.sum(jnp.where(jnp.arange(trials) < trial, steps, 0))
        winner = self._winner(state, jnp.where(over, trial + 1, trial))
        return replace(
            kept,
            step=kept.step + earlier,
            best_step=winner.step,
            stopped=last,
            diverged=~winner.exists & last,
            chosen=self.program.descent.chosen(self.scales[winner.trial]),
        )

    def _winner(self, state: Rehearsal, judged: int | Int[Array, ""]) -> Winner:
        """Returns the best of the first `judged` rates of one seed.

        A rate that diverged is out, whatever it had reached before.
        """
        found = state.progress
        out = found.diverged | (jnp.arange(self.trials_at_once) >= judged)
        losses = jnp.where(out, jnp.inf, found.best_loss)
        trial = jnp.argmin(losses)  # of equal ones the first
        exists = jnp.isfinite(losses[trial])
        steps = jnp.cumsum(found.step) - found.step + found.best_step
        return Winner(trial, exists, jnp.where(exists, steps[trial], 0))

    def test(self, state):
        return self.program.test(self._choose(state))

    def best(self, state):
        return self.program.best(self._choose(state))

    def _chosen(self, state: Rehearsal) -> Progress:
        """Returns the progress of one seed at its best rate.

        Where all rates diverged, its weights are those of the start.
        """
        winner = self._winner(state, self.trials_at_once)
        found = jax.tree.map(lambda leaf: leaf[winner.trial], state.progress)
        weights = choose(winner.exists, found.best_params, state.initial)
        return eqx.tree_at(lambda progress: progress.best_params, found, weights)


def of_each(function: Callable[[Rehearsal], Any]) -> Callable[[Rehearsal], Any]:
    """Returns a function of one seed's state as one of every seed's, if there are."""

    def applied(state: Rehearsal) -> Any:
        return jax.vmap(function)(state) if state.advances.ndim else function(state)

    return jit(applied)
