"""A map of attention with names along both sides, for a table or a figure."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class LabeledMap:
    """How much each place weighed for whatever looked, of what is there alone.

    Attributes:
        name: where in the model, as "alignment" or "block 1, head 2".
        weights: a row for whatever looked, a column per place.
        looking: what the rows are, as "answers".
        rows: their names.
        looked_at: what the columns are, as "steps".
        places: their names.
    """

    name: str
    weights: Float[np.ndarray, "rows places"]
    looking: str
    rows: tuple[str, ...]
    looked_at: str
    places: tuple[str, ...]
