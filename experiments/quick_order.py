"""Does the order of `quick` hang on its rates, its steps or its seeds?

    .venv/bin/python experiments/quick_order.py FOLDER          runs what is missing
    .venv/bin/python experiments/quick_order.py FOLDER --table  writes file and table

Every variant is the suite `quick` with one thing halved or doubled. FOLDER is a store:
stopped at any moment, the same command goes on. What came out goes into
`results/claims/quick_order.json`, and from there into `docs/quick.md`.

The rule, fixed before the runs: the order holds if no pair of contenders is told apart
one way in one variant and the other way in another (`nnarena.analysis.differences`).
Ranks of contenders that no variant tells apart may differ: they are shown.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnarena.analysis.differences import differences
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.scores import scores_of
from nnarena.runs.store import DirectoryStore
from nnarena.suite.config import load_suite
from nnarena.suite.session import Session, open_session


ROOT = Path(__file__).parent.parent
FILE = ROOT / "results/claims/quick_order.json"
PAGE = ROOT / "docs/quick.md"
START, END = "<!-- quick order -->\n", "<!-- end -->"

VARIANTS = (
    *("as it is", "rates halved", "rates doubled", "steps halved", "steps doubled"),
    *("seeds halved", "seeds doubled"),
)


def changes_of(variant: str) -> dict[str, Any]:
    """Returns what a variant changes in the suite."""
    quick = load_suite("quick")
    what, _, how = variant.partition(" ")
    factor = 0.5 if how == "halved" else 2
    if what == "rates":
        rates = [factor * rate for rate in quick.trainer["learning_rate"]]
        return {"trainer": {"learning_rate": rates}}
    if what == "steps":
        return {"trainer": {"steps": round(factor * quick.trainer["steps"])}}
    if what == "seeds":
        return {"seeds": round(factor * len(quick.seeds))}
    return {}


def session_of(variant: str, folder: Path) -> Session:
    """Returns the runs of a variant."""
    return open_session(load_suite("quick", changes_of(variant)), folder)


def run(folder: Path) -> None:
    """Does the runs that are missing, variant by variant."""
    for variant in VARIANTS:
        session = session_of(variant, folder)
        print(f"{variant}: {len(session.pending)} of {len(session.jobs)} runs to do")
        for event in session.run():
            if event.kind == "failed":
                print(f"failed: {event.key}: {event.text}")


def measured(folder: Path) -> dict[str, Any]:
    """Returns per variant the overall scores and the pairs that are told apart."""
    store = DirectoryStore(folder)
    records = {record.key: record for record in store}
    found = {}
    for variant in VARIANTS:
        keys = [job.key for job in session_of(variant, folder).jobs]
        scores = scores_of(runs_frame(records[key] for key in keys))
        pairs = differences(scores).pairs
        means = np.round(scores.means.mean(axis=1), 4).tolist()
        found[variant] = {
            "changes": changes_of(variant),
            "overall": dict(zip(scores.contenders, means, strict=True)),
            "beats": sorted(
                (pair.first, pair.second)
                if pair.answer == "beats"
                else (pair.second, pair.first)
                for pair in pairs
                if pair.answer != "cannot tell"
            ),
        }
    return {"variants": found}


def contradictions(variants: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the pairs of which one beats the other here and is beaten there."""
    said = {tuple(pair) for found in variants.values() for pair in found["beats"]}
    return sorted(pair for pair in said if pair[::-1] in said and pair[0] < pair[1])


def places_of(found: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Returns the first and last place of each contender that a variant leaves open."""
    names, beats = list(found["overall"]), found["beats"]
    return {
        name: (
            1 + sum(worse == name for _, worse in beats),
            len(names) - sum(better == name for better, _ in beats),
        )
        for name in names
    }


def movers(variants: Mapping[str, Any]) -> list[str]:
    """Returns whose places in some variant lie all before those in another."""
    found = [places_of(one) for one in variants.values()]
    return [
        name
        for name in found[0]
        if max(own[name][0] for own in found) > min(own[name][1] for own in found)
    ]


def table(results: Mapping[str, Any]) -> Iterator[str]:
    """Yields a row per variant: the order with overall scores, and what follows."""
    variants = results["variants"]
    yield "| `quick`, but | order: overall score (places) | pairs told apart |"
    yield "|---|---|---:|"
    for name, found in variants.items():
        ordered = sorted(found["overall"].items(), key=lambda pair: -pair[1])
        places = places_of(found)
        order = ", ".join(
            f"{name} {score:.2f} ({places[name][0]} to {places[name][1]})"
            for name, score in ordered
        )
        count = len(ordered) * (len(ordered) - 1) // 2
        yield f"| {name} | {order} | {len(found['beats'])} of {count} |"
    opposed = contradictions(variants)
    told = ", ".join(f"{one} and {other}" for one, other in opposed) or "none"
    yield ""
    yield f"Pairs that are told apart in opposite ways by two variants: {told}."
    yield ""
    moved = ", ".join(movers(variants)) or "none"
    yield f"Contenders whose places in two variants have none in common: {moved}."


def renewed(text: str, results: Mapping[str, Any]) -> str:
    """Returns a page with its table written anew."""
    head, _, rest = text.partition(START)
    _, _, tail = rest.partition(END)
    return head + START + "\n".join(table(results)) + "\n" + END + tail


def main() -> None:
    """Runs what is missing, and writes file and table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--table", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    if not arguments.table:
        run(arguments.folder)
    results = measured(arguments.folder)
    FILE.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(renewed(text, results), encoding="utf-8")


if __name__ == "__main__":
    main()
