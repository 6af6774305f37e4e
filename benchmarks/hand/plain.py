"""What a network by hand is made of: a function of weights in a dictionary."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp


Weights = dict[str, Any]
Shapes = dict[str, tuple[int, ...]]
Step = Callable[[Weights, Any, Any], tuple[Any, Any]]


@dataclass(frozen=True)
class Plain:
    """What stands between a linear map and a head: its weights, its last output."""

    shapes: Shapes
    last: Callable[[Weights, Any], Any]
    outputs: int


def loop(
    step: Step,
    shapes: Shapes,
    *state: tuple[int, ...],
    prepare: Callable[[Weights], Weights] = lambda w: w,
    outputs: int | None = None,
    start: str | None = None,
) -> Plain:
    """Returns what a step becomes from the first to the last observation.

    The state starts at zero, or at the weight named `start`.
    """

    def last(w: Weights, xs):
        still = tuple(jnp.zeros((len(xs), *part)) for part in state)
        ready = prepare(w)
        begin = still[0] if len(still) == 1 else still
        if start is not None:
            begin = jnp.tile(w[start], (len(xs), 1))
        over_time = jnp.swapaxes(xs, 0, 1)
        return jax.lax.scan(lambda h, x: step(ready, h, x), begin, over_time)[1][-1]

    return Plain(shapes, last, state[0][-1] if outputs is None else outputs)
