"""What must be equal, to the last bit, between two ways of doing the same runs."""

from pathlib import Path

from nnarena.runs.record import Identity, Result
from nnarena.runs.store import DirectoryStore


def bits(results: Path) -> dict[str, tuple[Identity, Result, bytes, bytes]]:
    """Returns every run's identity, result, and the files of its curve and weights."""
    return {
        record.key: (
            record.identity,
            record.result,
            (results / "history" / f"{record.key}.json").read_bytes(),
            (results / "weights" / f"{record.key}.safetensors").read_bytes(),
        )
        for record in DirectoryStore(results)
    }
