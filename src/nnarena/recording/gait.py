"""A gait for a two-legged walker, found by a short random search.

Augmented Random Search (Mania et al. 2018) over a linear policy: roll-outs of mirrored
random changes are ranked by their better half, and the policy moves along the
differences of the best ones. Beside the state the policy sees a clock, and the left leg
does what the right one does with the legs exchanged and half a turn later: 60 numbers,
from a start that holds a pose while it swings its thighs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float


State = Float[np.ndarray, " features"]
Action = Float[np.ndarray, " joints"]

LEGS_EXCHANGED = np.array([0, 1, 5, 6, 7, 2, 3, 4, 8, 9, 10, 14, 15, 16, 11, 12, 13])
"""A state as the other leg sees it: 8 places and angles, then 9 velocities."""

ANGLES, VELOCITIES, CLOCK = slice(2, 5), slice(11, 14), slice(18, 20)
"""Where a leg's policy reads its own joints, and the clock; a one stands before it."""

TURN = 8.0 * 0.008
"""How far the clock turns per step of the simulator: 8 radians a second."""

DIRECTIONS, BEST = 8, 4
HORIZON = 400
"""Steps after which a roll-out of the search ends."""


@runtime_checkable
class Environment(Protocol):
    """What is used of a Gymnasium environment."""

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Returns the first state."""
        ...

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Returns state, reward, whether it fell, whether time is up."""
        ...


@dataclass(frozen=True)
class Gait:
    """A linear policy of one leg: torques of 3 joints from 17 numbers, 1, sin, cos."""

    weights: Float[np.ndarray, "joints seen"]

    def action(self, state: State, step: int) -> Action:
        """Returns the torques of both legs, between -1 and 1."""
        clock = np.array([np.sin(TURN * step), np.cos(TURN * step)])
        one = np.ones(1)
        right = self.weights @ np.concatenate([state, one, clock])
        left = self.weights @ np.concatenate([state[LEGS_EXCHANGED], one, -clock])
        return np.clip(np.concatenate([right, left]), -1.0, 1.0)


def swinging() -> Gait:
    """Returns the start: joints held by springs and dampers, thighs swung."""
    weights = np.zeros((3, 20))
    weights[:, ANGLES] = -0.8 * np.eye(3)
    weights[:, VELOCITIES] = -0.05 * np.eye(3)
    weights[:2, CLOCK] = [[0.6, 0.0], [-0.3, -0.3]]
    return Gait(weights)


def search(
    world: Environment, *, seed: int, updates: int, rate: float = 0.1
) -> Iterator[Gait]:
    """Yields the gait after every update: a function of the seed and the simulator.

    A roll-out is worth its reward without most of what is paid for not falling, so
    that standing still is worth little.
    """
    rng = np.random.default_rng([seed, 0])
    weights = swinging().weights
    scale = np.ones_like(weights)
    scale[:, 8:17] = 0.1  # velocities are ten times as large as angles
    for _ in range(updates):
        changes = rng.standard_normal((DIRECTIONS, *weights.shape)) * scale
        starts = rng.integers(2**31, size=DIRECTIONS)
        worth = np.array(
            [
                [
                    _worth(world, Gait(weights + sign * rate * c), int(s))
                    for sign in (1, -1)
                ]
                for c, s in zip(changes, starts, strict=True)
            ]
        )
        best = np.argsort(-worth.max(axis=1))[:BEST]
        step = worth[best, 0] - worth[best, 1]
        spread = worth[best].std() + 1e-8
        weights = weights + rate / (BEST * spread) * np.tensordot(
            step, changes[best], 1
        )
        yield Gait(weights)


def _worth(world: Environment, gait: Gait, seed: int) -> float:
    state, _ = world.reset(seed=seed)
    total = 0.0
    for step in range(HORIZON):
        state, reward, fell, over, _ = world.step(gait.action(state, step))
        total += float(reward) - 0.9
        if fell or over:
            break
    return total
