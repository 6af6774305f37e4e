"""Several learning rates at once, as an axis of arrays, told one after another.

    check      0   1   2  ...  last
    rate 0     ●───●───●── ... ──●   computed together, told as they come;
    rate 1     ●───●───●── ... ──●   told from memory when rate 0 is over,
    rate 2     ●───●───●── ... ──●   and so on

A run says the same, in the same order, as when its rates are tried in turn (`search`),
but for the last bits of products of another shape. The way for an accelerator.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree

from ..core.types import Key, Keys
from .base import AbstractProgram, Metrics
from .descent import Progress, choose, count_of
from .descent_program import DescentProgram


class Rehearsal(eqx.Module):
    """The state between two checks: that of every rate, and what is yet to be told.

    `curves` hold the figures of all checks so far, at `[..., rate, check]`; `told` of
    all checks have been told of, of every seed as many.
    """

    progress: Progress
    initial: PyTree
    curves: dict[str, Array]
    told: Int[Array, "*seeds"]


class Winner(eqx.Module):
    """The best rate, whether it is any good, its best step counted over all rates."""

    trial: Int[Array, "*seeds"]
    exists: Bool[Array, "*seeds"]
    step: Int[Array, "*seeds"]


class LockstepProgram(AbstractProgram):
    """A descent at each of several rates at once; the last to stop ends them all."""

    def __init__(self, program: DescentProgram):
        self.program = program
        self.scales = jnp.array(program.descent.scales)
        self.trials_at_once = len(self.scales)
        self.checks = program.checks * len(self.scales)
        self.bytes = program.bytes
        self.matmul_flops_per_step = program.matmul_flops_per_step

    def start(self, init_key):
        progress = self.program.start(init_key)
        curves = {
            name: jnp.zeros((*figure.shape, self.program.checks), figure.dtype)
            for name, figure in self.program.figures.items()
        }
        none = jnp.zeros(progress.step.shape[:-1], int)
        initial = jax.tree.map(lambda leaf: of_trial(leaf, none), progress.params)
        return Rehearsal(progress, initial, curves, none)

    def advance(self, state, data_key):
        if not bool(jnp.all(state.progress.stopped)):
            state = self._train(state, data_key)
        state = eqx.tree_at(lambda s: s.told, state, state.told + 1)
        return state, self._figures(state)

    def _train(self, state: Rehearsal, data_key: Key | Keys) -> Rehearsal:
        progress, metrics = self.program.advance(state.progress, data_key)
        at = self._computed(state)
        curves = {
            name: curve.at[..., at].set(metrics[name])
            for name, curve in state.curves.items()
        }
        return Rehearsal(progress, state.initial, curves, state.told)

    def _computed(self, state: Rehearsal) -> int:
        """Returns how many checks the rate has behind it that went furthest."""
        return -(-count_of(state.progress.step) // self.program.descent.steps_per_check)

    def _figures(self, state: Rehearsal) -> Metrics:
        """Returns the figures of the check that is told of last."""
        told, computed = count_of(state.told), self._computed(state)
        trial, check = divmod(told - 1, computed)
        over = check + 1 == computed and bool(jnp.all(state.progress.stopped))
        last = over and trial + 1 == self.trials_at_once
        figures = {
            name: curve[..., trial, check] for name, curve in state.curves.items()
        }
        earlier = jnp.sum(state.progress.step[..., :trial], axis=-1)
        winner = self._winner(state, trial + over)
        return {
            **figures,
            "step": figures["step"] + earlier,
            "best_step": winner.step,
            "best_rate": self.program.descent.highest_rate * self.scales[winner.trial],
            "stopped": jnp.full_like(figures["stopped"], last),
            "diverged": ~winner.exists & last,
        }

    def _winner(self, state: Rehearsal, judged: int) -> Winner:
        """Returns the best of the first `judged` rates.

        A rate that diverged is out, whatever it had reached before.
        """
        found = state.progress
        losses = jnp.where(found.diverged, jnp.inf, found.best_loss)
        losses = losses.at[..., judged:].set(jnp.inf)
        trial = jnp.argmin(losses, axis=-1)  # of equal ones the first
        exists = jnp.isfinite(jnp.min(losses, axis=-1))
        steps = jnp.cumsum(found.step, axis=-1) - found.step + found.best_step
        step = jnp.where(exists, of_trial(steps, trial), 0)
        return Winner(trial, exists, step)

    def test(self, state):
        return self.program.test(self._chosen(state))

    def best(self, state):
        return self.program.best(self._chosen(state))

    def _chosen(self, state: Rehearsal) -> Progress:
        """Returns the progress at every seed's best rate.

        Where all rates diverged, its weights are those of the start.
        """
        winner = self._winner(state, self.trials_at_once)
        found = jax.tree.map(lambda leaf: of_trial(leaf, winner.trial), state.progress)
        weights = choose(winner.exists, found.best_params, state.initial)
        return eqx.tree_at(lambda progress: progress.best_params, found, weights)


def of_trial(leaf: Array, trial: Int[Array, "*seeds"]) -> Array:
    """Returns what belongs to one trial, or of every seed to its own.

    The axis of the trials leads, or follows that of the seeds.
    """
    return jax.vmap(of_trial)(leaf, trial) if trial.ndim else leaf[trial]
