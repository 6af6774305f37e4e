"""Where trained decoders look at their sources: for pages of the docs (`pages.py`).

    <!-- figure: claims/source_order alignments-reverse -->   and -copied, -translate

Maps are of the runs of the first seed, for the first example of the validation split.
They are computed once, from the weights of the store, and kept beside it in
`results/claims/NAME_alignments.json`, since weights are not committed; whoever runs the
suite anew removes that file.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnarena.core.labeled_map import LabeledMap
from nnarena.report.export import on_paper
from nnarena.report.figures.attention import attention_spec


ROOT = Path(__file__).parent.parent

TASKS = {
    "source_order": {
        "reverse": "reverse(turned=true)",
        "copied": "reverse(turned=false)",
        "translate": "translate",
    }
}
"""By store under results/claims: names of figures, and the tasks that they are of."""

CONTENDERS = {
    "lstm_attention(backwards=false)": "lstm_attention, from the beginning",
    "lstm_attention(backwards=true)": "lstm_attention, from the end",
    "bahdanau": "bahdanau",
}
"""Whose alignments are drawn, and how they are named."""

SEED, EXAMPLE, DIGITS = 0, 0, 4


@dataclass(frozen=True)
class Alignments:
    """A drawing of the alignments of several contenders for one example."""

    title: str
    caption: str
    maps: list[LabeledMap]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What is drawn."""
        return [asdict(one) | {"weights": one.weights.tolist()} for one in self.maps]

    def svg(self) -> bytes:
        """Returns the drawing."""
        spec = attention_spec(
            self.maps,
            self.title,
            "the answers of a contender are its own, right or wrong",
        )
        return on_paper(spec, "svg")


def path_of(name: str) -> Path:
    """Returns where the maps of a store are kept."""
    return ROOT / "results/claims" / f"{name}_alignments.json"


def alignment_figures(name: str) -> dict[str, Alignments]:
    """Returns the figures of a store under results/claims, by name.

    None before its runs are there.
    """
    path = path_of(name)
    if not path.exists():
        if not (path.parent / name / "weights").is_dir():
            return {}
        text = json.dumps(measured(name), ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {f"alignments-{one}": _figure(one, kept[one]) for one in TASKS[name]}


def measured(name: str) -> dict[str, list[dict[str, Any]]]:
    """Returns the alignments of trained models, by the figures they are drawn in.

    Raises:
        SuiteProblem: a run of `CONTENDERS` has not finished.
    """
    import nnarena  # which brings JAX; figures of what is kept need none

    def look(contender: str, task: str) -> dict[str, Any]:
        store = ROOT / "results/claims" / name
        found = nnarena.restore(store, contender, task, seed=SEED)
        rows = found.splits.validation
        (shown,) = nnarena.attention_maps(found.model, found.task, rows, EXAMPLE)
        weights = np.round(shown.weights.astype(float), DIGITS).tolist()
        own = {"name": CONTENDERS[contender], "weights": weights}
        return {"run": found.record.key, **asdict(shown), **own}

    return {
        figure: [look(contender, task) for contender in CONTENDERS]
        for figure, task in TASKS[name].items()
    }


def _figure(task: str, kept: list[Mapping[str, Any]]) -> Alignments:
    maps = [
        LabeledMap(
            one["name"],
            np.array(one["weights"]),
            one["looking"],
            tuple(one["rows"]),
            one["looked_at"],
            tuple(one["places"]),
        )
        for one in kept
    ]
    return Alignments(
        f"Where each answer looks: {task}",
        "How much each step of the source, a column, weighs for each answer, a row, in "
        f"the run of seed {SEED}; rows are the contender's own answers to one example",
        maps,
    )
