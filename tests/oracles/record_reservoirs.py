"""Records what reservoirpy answers, as `record.py` does what PyTorch answers.

    python tests/oracles/record_reservoirs.py            writes the files beside this
    python tests/oracles/record_reservoirs.py --check    recomputes and compares

`esn` holds the states of its `Reservoir` with and without a leak, `lif` the spikes of
its `LIF`, both of given matrices, under its own names: columns are on the right there,
`W` is from the units of its columns to those of its rows.
"""

import sys

import numpy as np
import reservoirpy  # pyright: ignore[reportMissingImports]  # not a dependency of tests
from record import (  # pyright: ignore[reportMissingImports]
    FEATURES,
    LENGTHS,
    Tensors,
    generator,
    main,
)
from reservoirpy.nodes import LIF, Reservoir  # pyright: ignore[reportMissingImports]


UNITS = 7
LEAKS = {"all": 1.0, "some": 0.3}
LEAK, THRESHOLD = 0.1, 1.5


def draw(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    """Returns normal numbers of single precision, held in double."""
    return (scale * rng.standard_normal(shape)).astype(np.float32).astype(np.float64)


def record_states(name: str) -> Tensors:
    """States of leaky tanh units."""
    rng = generator(name)
    tensors = {
        "W": draw(rng, UNITS, UNITS, scale=0.4),
        "Win": draw(rng, UNITS, FEATURES),
        "bias": draw(rng, UNITS, scale=0.3),
    }
    for case, length in LENGTHS.items():
        tensors[f"{case}.inputs"] = draw(rng, length, FEATURES)
        for leak, rate in LEAKS.items():
            node = Reservoir(lr=rate, **{k: tensors[k] for k in ("W", "Win", "bias")})
            tensors[f"{case}.{leak}"] = node.run(tensors[f"{case}.inputs"])
    return tensors


def record_spikes(name: str) -> Tensors:
    """Spikes of units that integrate and fire, some of which inhibit."""
    rng = generator(name)
    signs = np.where(np.arange(UNITS) < 2, -1.0, 1.0)
    tensors = {
        "W": np.abs(draw(rng, UNITS, UNITS, scale=0.4)) * signs[None],
        "Win": draw(rng, UNITS, FEATURES, scale=0.6),
    }
    for case, length in LENGTHS.items():
        node = LIF(lr=LEAK, threshold=THRESHOLD, W=tensors["W"], Win=tensors["Win"])
        tensors[f"{case}.inputs"] = draw(rng, length, FEATURES)
        tensors[f"{case}.spikes"] = node.run(tensors[f"{case}.inputs"])
    return tensors


RECORDS = {"esn": record_states, "lif": record_spikes}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], RECORDS, f"reservoirpy {reservoirpy.__version__}"))
