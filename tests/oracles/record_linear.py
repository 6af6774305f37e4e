"""Records what pykalman answers, as `record.py` does what PyTorch answers.

    python tests/oracles/record_linear.py            writes the file beside this
    python tests/oracles/record_linear.py --check    recomputes and compares

`linear_system` holds, of one sequence and one system, the smoothed states with their
covariances, and the system and the log-likelihood after a few iterations of EM on all
six of its parameters, under pykalman's names: columns are on the right there.
"""

import sys

import numpy as np
import pykalman  # pyright: ignore[reportMissingImports]  # not a dependency of tests
from record import (  # pyright: ignore[reportMissingImports]
    FEATURES,
    LENGTHS,
    Tensors,
    generator,
    main,
)


HIDDEN, ITERATIONS = 2, 4
FITTED = (
    "transition_matrices",
    "observation_matrices",
    "transition_covariance",
    "observation_covariance",
    "initial_state_mean",
    "initial_state_covariance",
)


def spread(rng: np.random.Generator, size: int) -> np.ndarray:
    """Returns a covariance."""
    root = rng.standard_normal((size, size))
    return root @ root.T / size + 0.3 * np.eye(size)


def record_system(name: str) -> Tensors:
    """A random system with a stable transition, and normal inputs."""
    rng = generator(name)
    first = (
        0.5 * rng.standard_normal((HIDDEN, HIDDEN)),
        rng.standard_normal((FEATURES, HIDDEN)),
        *(spread(rng, size) for size in (HIDDEN, FEATURES)),
        rng.standard_normal(HIDDEN),
        spread(rng, HIDDEN),
    )
    started = dict(zip(FITTED, first, strict=True))
    tensors = {f"start.{name}": value for name, value in started.items()}
    for case, length in LENGTHS.items():
        inputs = rng.standard_normal((length, FEATURES))
        system = pykalman.KalmanFilter(**started, em_vars=list(FITTED))
        means, covariances = system.smooth(inputs)
        tensors |= {
            f"{case}.inputs": inputs,
            f"{case}.means": means,
            f"{case}.covariances": covariances,
            f"{case}.start.loglikelihood": np.array(system.loglikelihood(inputs)),
        }
        system = system.em(inputs, n_iter=ITERATIONS)
        tensors |= {f"{case}.{name}": getattr(system, name) for name in FITTED}
        tensors[f"{case}.loglikelihood"] = np.array(system.loglikelihood(inputs))
    return {name: np.ascontiguousarray(value) for name, value in tensors.items()}


RECORDS = {"linear_system": record_system}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], RECORDS, f"pykalman {pykalman.__version__}"))
