"""Several learning rates, one after another, within one run.

    rate 0   start ─ check ─ check ─ ... ─ over ┐
    rate 1   the same start ─ check ─ ... ─ over ┤  the lowest validation loss of all
    rate 2   the same start ─ check ─ ... ─ over ┘  is what is tested, once

The test split takes no part in the choice. All rates share one compiled program.
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from ..core.compiling import SOONEST, jit
from .base import AbstractProgram, Check
from .descent import Progress
from .descent_program import DescentProgram
from .states import choose, count_of


class Winner(eqx.Module):
    """The best trial so far: how it ended, at which rate, after how many updates."""

    progress: Progress
    scale: Float[Array, "*seeds"]
    earlier: Int[Array, "*seeds"]

    @property
    def exists(self) -> Bool[Array, "*seeds"]:
        return jnp.isfinite(self.progress.best_loss)


class Trials(eqx.Module):
    """The state of a search between two checks: the rate on trial and the winner.

    `earlier` counts the updates at the rates before.
    """

    progress: Progress
    initial: PyTree
    trial: Int[Array, "*seeds"]
    earlier: Int[Array, "*seeds"]
    winner: Winner


class SearchProgram(AbstractProgram):
    """A descent at each of several rates; a seed that is over waits for the others."""

    def __init__(self, program: DescentProgram):
        self.program = program
        self.scales = program.descent.scales
        self.checks = program.checks * len(self.scales)
        self.bytes = program.bytes
        self.matmul_flops_per_step = program.matmul_flops_per_step
        # One program of what else would be one of each operation and shape.
        state = jax.eval_shape(self._first, program.state)
        ended = jax.ShapeDtypeStruct((), bool)
        self._begin = jit(self._first, SOONEST).lower(program.state).compile()
        self._crown = jit(self._judged, SOONEST).lower(state).compile()
        self._go_on = jit(self._next, SOONEST).lower(state).compile()
        tell = jit(self._told, SOONEST).lower(state, program.told, ended)
        self._tell = tell.compile()

    def start(self, init_key):
        return self._begin(self.program.start(init_key))

    def _first(self, progress: Progress) -> Trials:
        """Returns the state before the first update at the first rate."""
        return Trials(
            progress=progress,
            initial=progress.params,
            trial=jnp.zeros_like(progress.step),
            earlier=jnp.zeros_like(progress.step),
            winner=Winner(progress, progress.rate_scale, jnp.zeros_like(progress.step)),
        )

    def advance(self, state, data_key):
        progress, check = self.program.advance(state.progress, data_key)
        state = replace(state, progress=progress)
        over = bool(np.all(np.asarray(progress.stopped)))
        last = count_of(state.trial) == len(self.scales) - 1
        if over:
            state = self._crown(state)
        told = self._tell(state, check, np.asarray(over and last))
        return (self._go_on(state) if over and not last else state), told

    def _told(self, state: Trials, check: Check, ended: Bool[Array, ""]) -> Check:
        """Returns what is said of a check; `ended` says that all rates were tried."""
        winner = state.winner
        return replace(
            check,
            step=state.earlier + check.step,
            best_step=winner.earlier + winner.progress.best_step,
            stopped=state.progress.stopped & ended,
            diverged=~winner.exists & ended,
            chosen=self.program.descent.chosen(winner.scale),
        )

    def _judged(self, state: Trials) -> Trials:
        """Returns the state with the rate on trial as winner, if it is the best.

        A rate that diverged is out, whatever it had reached before.
        """
        found, best = state.progress, state.winner.progress
        wins = ~found.diverged & (found.best_loss < best.best_loss)
        scale = jnp.array(self.scales)[state.trial]
        winner = choose(wins, Winner(found, scale, state.earlier), state.winner)
        return replace(state, winner=winner)

    def _next(self, state: Trials) -> Trials:
        """Returns the state before the first update at the next rate."""
        trial = state.trial + 1
        scale = jnp.array(self.scales)[trial]
        return Trials(
            progress=self.program.begin(state.initial, state.progress.constants, scale),
            initial=state.initial,
            trial=trial,
            earlier=state.earlier + state.progress.step,
            winner=state.winner,
        )

    def test(self, state):
        return self.program.test(state.winner.progress)

    def best(self, state):
        return self.program.best(state.winner.progress)
