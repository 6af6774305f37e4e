"""What must be equal, to the last bit, between two ways of doing the same runs."""

from nnarena.runs.store import AbstractStore


Bits = dict[str, tuple]


def bits_of(store: AbstractStore) -> Bits:
    """Returns every run's identity, result, and the files of its curve and weights."""
    return {
        record.key: (
            record.identity,
            record.result,
            store.content("history", record.key),
            store.content("weights", record.key),
        )
        for record in store
    }
