"""LSTMs on top of each other, by which decoders read and answer."""

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..core.types import Key, Sequence, State
from ..nn.mirrored import mirror, mirrored
from ..nn.unroll import unroll
from .lstm import LSTM
from .sequence import dropped


class LSTMStack(eqx.Module):
    """The cell `lstm`, `depth` times, with its own start."""

    cells: tuple[LSTM, ...]

    def __init__(self, features: int, hidden: int, depth: int, *, key: Key):
        keys = jax.random.split(key, depth)
        read = [features] + [hidden] * (depth - 1)
        self.cells = tuple(
            LSTM(size, hidden, key=own) for size, own in zip(read, keys, strict=True)
        )

    def init_state(self) -> State:
        """Returns the states before the first step, from the lowest cell on."""
        return tuple(cell.init_state() for cell in self.cells)

    def __call__(
        self, states: State, x: Float[Array, " features"], dt: Float[Array, ""]
    ) -> tuple[State, Float[Array, " hidden"]]:
        """Returns the states after one step, and the uppermost output."""
        left, h = [], x
        for cell, found in zip(self.cells, states, strict=True):
            after, h = cell(found, h, dt)
            left.append(after)
        return tuple(left), h

    def read(
        self,
        steps: Sequence,
        *,
        backwards: bool,
        dropout: float = 0.0,
        key: Key | None = None,
    ) -> tuple[Float[Array, "time hidden"], State]:
        """Returns the uppermost output of each step, at its place, and the last states.

        Read `backwards`, the last states are those after the first step. Given a key, a
        share `dropout` of every output is left out.
        """
        places = mirror(steps)
        steps = mirrored(steps) if backwards else steps
        left = []
        for index, cell in enumerate(self.cells):
            seen = unroll(cell, steps)
            own = None if key is None else jax.random.fold_in(key, index)
            steps = steps.with_xs(dropped(seen.hs, dropout, key=own))
            left.append(seen.last)
        return steps.xs[places] if backwards else steps.xs, tuple(left)
