"""`arena diagnose --attention`: where trained models look, as figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from ..analysis.labels import contender_labels, natural_key, task_labels
from ..core.labeled_map import LabeledMap
from ..diagnostics.attention import attention_maps
from ..report.export import on_paper
from ..report.figures.attention import attention_spec
from ..report.figures.figure import slugs
from ..runs.record import Record
from ..runs.store import AbstractStore, open_store
from ..suite.plugins import bring
from ..suite.restore import restore_record, restore_splits
from .console import guarded, news, print_json
from .diagnose import SKIPS, finished_runs, say_left_out


@guarded
def draw_attention(
    results: str, folder: Path, plugins: Sequence[str], *, example: int, as_json: bool
) -> None:
    """Writes a figure per contender and task, and says which have nothing to show.

    Of several seeds the first.

    Raises:
        typer.Exit: there was nothing to draw.
    """
    bring(plugins)
    store = open_store(results)
    runs = _first_seeds(finished_runs(store, results))
    files = slugs([" ".join(cell) for cell in runs])
    drawn: list[dict[str, Any]] = []
    for (cell, record), file in zip(runs.items(), files, strict=True):
        seed, of_cell = record.identity.seed, " on ".join(cell)
        try:
            maps, note = _maps(record, store, example)
        except (*SKIPS, IndexError) as error:
            say_left_out(of_cell, [seed], str(error))
            continue
        path = folder / f"{file}.svg"
        title = f"{of_cell}, seed {seed}"
        spec = attention_spec(maps, title, note)
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(on_paper(spec, "svg"))
        drawn.append(_row(cell, seed, path, maps))
    if as_json:
        print_json(drawn)
    elif drawn:
        s = "s" if len(drawn) > 1 else ""
        news.print(f"{len(drawn)} figure{s}: {folder}", markup=False, soft_wrap=True)
    if not drawn:
        raise typer.Exit(1)


def _first_seeds(records: list[Record]) -> dict[tuple[str, str], Record]:
    """Returns the run of the lowest seed of each contender on each task."""
    labels = zip(contender_labels(records), task_labels(records), strict=True)
    runs = zip(labels, records, strict=True)
    found: dict[tuple[str, str], Record] = {}
    for cell, record in sorted(runs, key=lambda run: run[1].identity.seed):
        found.setdefault(cell, record)
    order = sorted(found, key=lambda cell: (natural_key(cell[1]), cell[0]))
    return {cell: found[cell] for cell in order}


def _maps(
    record: Record, store: AbstractStore, example: int
) -> tuple[list[LabeledMap], str]:
    """Returns the maps of an example, and what a reader should know of it."""
    model, task = restore_record(record, store)
    maps = attention_maps(model, task, restore_splits(record).validation, example)
    note = f"validation example {example}"
    if task.signature.generated is not None:
        note += "; the answers are the model's own, right or wrong"
    return maps, note


def _row(
    cell: tuple[str, str], seed: int, path: Path, maps: list[LabeledMap]
) -> dict[str, Any]:
    contender, task = cell
    return {
        "contender": contender,
        "task": task,
        "seed": seed,
        "file": str(path),
        "maps": [
            {
                "name": one.name,
                "looking": one.looking,
                "rows": list(one.rows),
                "looked_at": one.looked_at,
                "places": list(one.places),
                "weights": one.weights.tolist(),
            }
            for one in maps
        ],
    }
