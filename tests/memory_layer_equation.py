"""The memory layer's differential equation in numpy, solved by scipy."""

from typing import Any

import numpy as np
from scipy.integrate import solve_ivp


def positive(parameter: Any) -> np.ndarray:
    """Returns a weight that is the softplus of its number, by numpy."""
    return np.log1p(np.exp(np.asarray(parameter.raw)))


def opened(synapses: Any, sources: np.ndarray) -> np.ndarray:
    """Returns the conductances of one synapse per neuron."""
    distance = np.asarray(synapses.slope) * (sources - np.asarray(synapses.center))
    return positive(synapses.weight) / (1.0 + np.exp(-distance))


def flow(_: float, v: np.ndarray, u: np.ndarray, pairs: Any) -> np.ndarray:
    """Returns dv/dt as the docstring has it, for the first and the second neurons."""
    first, second = np.split(v, 2)
    swapped = np.concatenate([second, first])
    signed = np.concatenate([u, -u])
    pull = opened(pairs.own, v) * (np.asarray(pairs.own.reversal) - v)
    pull += opened(pairs.across, swapped) * (np.asarray(pairs.across.reversal) - v)
    if pairs.entrance is None:
        pull += signed
    else:
        towards = np.asarray(pairs.entrance.reversal)
        pull += opened(pairs.entrance, signed) * (towards - v)
    return pull / positive(pairs.capacitance)


def solve(cell: Any, xs: np.ndarray, dts: np.ndarray) -> np.ndarray:
    """Returns the outputs `(time, pairs)` of the equation itself over a sequence."""
    weight = cell.recurrent_weight
    recurrent = np.asarray(weight.value() if hasattr(weight, "value") else weight)
    pairs = len(recurrent)
    v, outputs = np.zeros(2 * pairs), []
    for x, dt in zip(xs, dts, strict=True):
        u = x @ np.asarray(cell.input_weight) + v[:pairs] @ recurrent
        u = u + np.asarray(cell.bias)
        v = solve_ivp(
            flow,
            (0.0, float(dt)),
            v,
            method="DOP853",
            rtol=1e-11,
            atol=1e-13,
            args=(u, cell.pairs),
        ).y[:, -1]
        outputs.append(v[:pairs])
    return np.stack(outputs)
