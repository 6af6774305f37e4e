"""What older versions of this package wrote, brought to the layout of today in memory.

Schema 1 made a run's key from all of its settings, so that one new setting would have
orphaned every record. Since schema 2 the key leaves out what equals the baseline of an
entrant (`core.registry.Entry.baseline`). `schema1.json` holds the defaults of every
entrant as they were then: they are those baselines, which a test compares. An entrant
from outside the package has no row there, and its older runs keep all their settings.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from operator import itemgetter
from pathlib import PurePosixPath
from typing import Any

from pydantic_core import from_json

from .identity import Entrant, Identity, entrant_of


PARTS = ("model", "task", "trainer")

HEAD = re.compile(rb'^\s*\{\s*"schema_version":\s*1\s*,')
"""How every record of schema 1 begins: enough to tell one without reading it all."""


def older_keys(records: Iterable[tuple[str, bytes | OSError]]) -> dict[str, str]:
    """Returns the keys of today whose record is of schema 1, and the one it lies under.

    Of a run that lies under several older keys, the one that finished last. Those that
    have a record of today beside the older one are left out: the run was done again. So
    is what cannot be read.

    Args:
        records: all record files of a store, by name.
    """
    there: set[str] = set()
    found: dict[str, tuple[str, str]] = {}
    for name, content in records:
        filed = PurePosixPath(name).stem
        there.add(filed)
        if isinstance(content, bytes) and HEAD.match(content[:64]):
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                record = from_json(content)
                key = upgraded_identity(record["identity"]).key
                one = record["provenance"]["finished_at"], filed
                found[key] = max(one, found.get(key, one), key=itemgetter(0))
    return {key: filed for key, (_, filed) in found.items() if key not in there}


def older_key(identity: Mapping[str, Any]) -> str:
    """Returns the key that schema 1 gave to an identity of its layout."""
    text = json.dumps(identity, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def upgraded_identity(identity: Mapping[str, Any]) -> Identity:
    """Returns an identity of schema 1 as one of today.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: it is not such an identity.
    """
    parts = {part: _entrant(part, identity[part]) for part in PARTS}
    return Identity(**{**identity, **parts})


def upgraded_record(content: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the content of a record of schema 1 as that of one of today.

    A run whose test loss was not finite had answered what is not a number: its score,
    which counted such an answer as the first class, is taken back.

    Raises:
        ValueError: it is not such a record, or its key does not fit its identity.
    """
    try:
        identity, result = content["identity"], dict(content["result"])
        if content["key"] != older_key(identity):
            key = content["key"]
            raise ValueError(f"the record's key {key} does not fit its identity")
        today = upgraded_identity(identity)
        if result["outcome"] == "finished" and result.get("test_loss") is None:
            reason = "the test loss is not finite"
            result |= {"outcome": "diverged", "reason": reason, "test_score": None}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"no record of a run: {error!r} is missing or wrong"
        ) from error
    return {
        **content,
        "schema_version": 2,
        "key": today.key,
        "identity": today,
        "result": result,
    }


def with_seen(content: Any) -> Any:
    """Returns a record of `memory` that says whether its test examples were trained on.

    Those from before `seen` do not. The task has so few different sequences that a test
    set of 2,000 has no others, but for three symbols and more.
    """
    try:
        identity, scoring = content["identity"], content["scoring"]
        if isinstance(identity, Identity):
            identity = identity.model_dump()
        task = identity["task"]
        settings = {"symbols": 1, "classes": 10, **task["settings"]}
        symbols, classes = settings["symbols"], settings["classes"]
        few = task["name"] == "memory" and symbols * classes**symbols <= 2_000
        told = "seen" in scoring
    except (KeyError, TypeError, AttributeError):
        return content  # no record: the reader says so
    if told or not few:
        return content
    return {**content, "scoring": {**scoring, "seen": True}}


def is_of_ended_run(name: str) -> bool:
    """Returns whether a file is one of those that an ended run leaves."""
    return name.partition("/")[0] in ("records", "history", "weights", "logs")


def upgraded(kind: str, content: bytes, key: str) -> bytes:
    """Returns the file of an older run as one of today's, under its key of today.

    What cannot be read comes back as it is, for the reader to say so.
    """
    if kind not in ("records", "history"):
        return content
    try:
        found = from_json(content, allow_inf_nan=False)
        if kind == "records":
            record = upgraded_record(found)
            identity = record["identity"].model_dump(mode="json")
            found = {**record, "identity": identity}
        else:
            found = {**found, "schema_version": 2, "key": key}
    except (ValueError, TypeError):
        return content
    return (json.dumps(found, indent=1, allow_nan=False) + "\n").encode()


def _entrant(part: str, content: Mapping[str, Any]) -> Entrant:
    name, version, settings = (content[x] for x in ("name", "version", "numbers"))
    baseline = _baselines()[part].get(name, {}) if version == "1" else {}
    return entrant_of(name, version, settings, baseline)


@cache
def _baselines() -> dict[str, dict[str, dict[str, Any]]]:
    text = (files("nnarena.runs") / "schema1.json").read_text(encoding="utf-8")
    return json.loads(text)
