"""Several learning rates, one after another, within one run.

    rate 0   start ─ check ─ check ─ ... ─ over ┐
    rate 1   the same start ─ check ─ ... ─ over ┤  the lowest validation loss of all
    rate 2   the same start ─ check ─ ... ─ over ┘  is what is tested, once

The test split takes no part in the choice. All rates share one compiled program.
"""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from .base import AbstractProgram
from .descent import Progress, choose, count_of
from .descent_program import DescentProgram


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

    def start(self, init_key):
        progress = self.program.start(init_key)
        return Trials(
            progress=progress,
            initial=progress.params,
            trial=jnp.zeros_like(progress.step),
            earlier=jnp.zeros_like(progress.step),
            winner=Winner(progress, progress.rate_scale, jnp.zeros_like(progress.step)),
        )

    def advance(self, state, data_key):
        progress, check = self.program.advance(state.progress, data_key)
        state = eqx.tree_at(lambda s: s.progress, state, progress)
        over = bool(jnp.all(progress.stopped))
        last = count_of(state.trial) == len(self.scales) - 1
        if over:
            state = self._judge(state)
        winner = state.winner
        told = replace(
            check,
            step=state.earlier + check.step,
            best_step=winner.earlier + winner.progress.best_step,
            stopped=progress.stopped & (over and last),
            diverged=~winner.exists & (over and last),
            chosen=self.program.descent.chosen(winner.scale),
        )
        return (self._next(state) if over and not last else state), told

    def _judge(self, state: Trials) -> Trials:
        """Returns the state with the rate on trial as winner, if it is the best.

        A rate that diverged is out, whatever it had reached before.
        """
        found, best = state.progress, state.winner.progress
        wins = ~found.diverged & (found.best_loss < best.best_loss)
        scale = jnp.full_like(state.winner.scale, self.scales[count_of(state.trial)])
        winner = choose(wins, Winner(found, scale, state.earlier), state.winner)
        return eqx.tree_at(lambda s: s.winner, state, winner)

    def _next(self, state: Trials) -> Trials:
        """Returns the state before the first update at the next rate."""
        trial = state.trial + 1
        scale = jnp.full_like(state.winner.scale, self.scales[count_of(trial)])
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
