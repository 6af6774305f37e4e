"""What interrupted jobs go on from, and how seeds that are behind catch up.

Checkpoints of several seeds are of different checks where a kill or a full disk came
between two of them, or where some of the seeds were begun before the others:

    seed 0   ● ● ● ● ●              ● ● ...
    seed 1   ● ● ●        ●→●       ● ● ...    from there on all together
    seed 2   ● ● ●        ●→●       ● ● ...

They catch up in the program of all: one of fewer seeds would come to other last bits.
"""

from collections.abc import Generator, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ..core.types import Key, Keys
from ..runs.store import AbstractStore
from ..training.base import AbstractProgram, Check, arrays_by_path, tree_from_paths
from ..training.states import choose
from .checkpoints import load_checkpoint
from .events import Event
from .keeping import set_aside
from .ledger import Ledger
from .programs import Arrays, part_of, stacked


def take_up(
    store: AbstractStore, fresh: PyTree, ledgers: Sequence[Ledger]
) -> Generator[Event, None, PyTree]:
    """Returns the state to go on from: of each seed its checkpoint's, or a fresh one.

    A checkpoint that is damaged or of something else is set aside.
    """
    arrays, parts = arrays_by_path(fresh), []
    for index, ledger in enumerate(ledgers):
        part = part_of(arrays, index, len(ledgers))
        found = _fitting(store, part, ledger)
        if found is None:
            yield from set_aside(store, "checkpoints", ledger.job)
        parts.append(part if found is None else found)
    yield from _told_apart(ledgers)
    begun = any(ledger.advances for ledger in ledgers)
    return tree_from_paths(fresh, stacked(parts)) if begun else fresh


def _fitting(store: AbstractStore, fresh: Arrays, ledger: Ledger) -> Arrays | None:
    """Returns the arrays of a checkpoint, taken up by the ledger; None: there is none.

    One that does not fit is none.
    """
    found = load_checkpoint(store, ledger.job.key)
    if found is None or _shapes(found[0]) != _shapes(fresh):
        return None
    try:
        ledger.take_up(found[1])
    except ValueError:
        return None
    return found[0]


def _shapes(arrays: Arrays) -> dict[str, tuple]:
    return {name: (array.shape, array.dtype) for name, array in arrays.items()}


def _told_apart(ledgers: Sequence[Ledger]) -> Iterator[Event]:
    """Says so where seeds that go on are not equally far."""
    if len({ledger.advances for ledger in ledgers if not ledger.stopped}) > 1:
        job = ledgers[0].job
        text = "its seeds were not broken off at the same check: those behind catch up"
        model, task = job.identity.model.name, job.identity.task.name
        yield Event(kind="note", key=job.key, text=f"{model} on {task}: {text}")


def due(ledgers: Sequence[Ledger]) -> np.ndarray:
    """Returns which seeds the next check is for: those that are ahead of none."""
    least = min(ledger.advances for ledger in ledgers if not ledger.stopped)
    return np.array([ledger.advances <= least for ledger in ledgers])


def advance(
    program: AbstractProgram, state: PyTree, data_key: Key | Keys, is_due: np.ndarray
) -> tuple[PyTree, Check]:
    """Returns the state after one more check of the seeds that are due, and the check.

    In the place of each other seed one that is due is computed once more, for nothing:
    a program takes its seeds to be equally far.
    """
    if is_due.all():
        return program.advance(state, data_key)
    places = np.where(is_due, np.arange(len(is_due)), np.argmax(is_due))
    those = jax.tree.map(lambda leaf: leaf[places], state)
    advanced, check = program.advance(those, data_key)
    return choose(jnp.asarray(is_due), advanced, state), check
