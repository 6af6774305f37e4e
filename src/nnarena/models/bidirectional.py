"""Any cell, read from both ends of the sequence."""

from collections.abc import Mapping, Sequence as Many
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.numbers import held
from ..core.registry import Entry
from ..core.types import Key
from ..nn.mirrored import mirror, mirrored
from ..nn.unroll import Unrolled
from . import MODELS
from .base import AbstractCell, AbstractRecurrence
from .sequence import Recurrent


CELL = "elman"
"""The cell of the paper."""


def cell_of(settings: Mapping[str, Any]) -> Many[Entry]:
    """Returns the cell that settings name: its version is a part of the results."""
    return [MODELS[settings.get("cell", CELL)]]


@MODELS.register(
    "bidirectional",
    family="recurrent",
    source="schuster1997bidirectional",
    parts=cell_of,
)
class Bidirectional(AbstractRecurrence):
    r"""Two cells of one kind, of which one reads the sequence from its end.

    $$\begin{aligned}
    \overrightarrow{h}_t &= f(\overrightarrow{h}_{t-1}, x_t, \Delta t_t), \quad
    \overleftarrow{h}_t = g(\overleftarrow{h}_{t+1}, x_t, \Delta t_{t+1}) \\
    h_t &= [\overrightarrow{h}_t, \overleftarrow{h}_t]
    \end{aligned}$$

    Every output has seen all steps, from one side or the other, and no dependency is
    longer than the way to the nearer end; no answer can be given before the end. So it
    cannot play where an answer may use no later input, nor generate one.

    `cell` is the name of any registered cell, `settings` those of its own that differ
    from its defaults, as in `{name = "bidirectional", cell = "skip_rnn", settings =
    {delay = 8}}`; each direction has weights of its own. `truncation` cuts the
    gradient of each at steps counted as it reads them. The output is twice as wide as
    a cell's. The second begins at the last step that is there, so that padding is never
    read, with the time that the first begins with. Of a task that answers once, the
    readout of the "last" step sees the second after its first input alone:
    `readout="mean"` hears both of all.

    The paper has tanh units and trains both directions at once, as here; it starts
    the states at a number it sets by hand, here they are the cell's own.
    """

    forward: Recurrent
    backward: Recurrent
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        cell: str = CELL,
        settings: Mapping[str, Any] | None = None,
        key: Key,
    ):
        entry = MODELS[cell]
        if not _is_cell(entry):
            cells = ", ".join(one.name for one in MODELS if _is_cell(one))
            raise ValueError(
                f"cell {cell!r} takes no single steps, so that it cannot read in two "
                f"directions; these do: {cells}"
            )
        own = entry.settings(settings or {})
        first, second = jax.random.split(key)
        self.forward = Recurrent(entry.make(features, hidden, key=first, **own))
        self.backward = Recurrent(entry.make(features, hidden, key=second, **own))
        self.hidden_size = 2 * self.forward.hidden_size
        self.causal = False

    def __call__(self, sequence, *, key=None):
        del key  # a recurrent step draws nothing
        return self.unroll(sequence).hs

    @property
    def cells(self):
        return self.forward.cell, self.backward.cell

    def run(self, *, checkpoint, truncation):
        own = [
            Recurrent(cell, checkpoint=checkpoint, truncation=truncation)
            for cell in self.cells
        ]
        return eqx.tree_at(lambda layer: (layer.forward, layer.backward), self, own)

    def readings(self, sequence):
        return sequence, mirrored(sequence)

    def unroll(self, sequence, *, nudges=None, states=False):
        directions = self.forward, self.backward
        found = [
            direction.unroll(reading, nudges=nudge, states=states)
            for direction, reading, nudge in zip(
                directions, self.readings(sequence), nudges or (None, None), strict=True
            )
        ]
        hs = self.joined(tuple(one.hs for one in found), sequence)
        return Unrolled(hs, tuple(one.states for one in found) if states else None)

    def joined(self, hs, sequence):
        forth, back = hs
        return jnp.concatenate([forth, back[mirror(sequence)]], axis=1)


def _is_cell(entry: Entry) -> bool:
    return isinstance(entry.make, type) and issubclass(entry.make, AbstractCell)
