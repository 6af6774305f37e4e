"""Tables of runs beside the figures that were published for them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from experiments.claim_tables import records_of

from nnarena.analysis.published import Comparison, against_published
from nnarena.analysis.studies import published_figures
from nnarena.analysis.swap import Verdicts, swapped, swapped_means
from nnarena.analysis.words import plural
from nnarena.runs.record import Record


def published_table(store: str) -> Iterator[str]:
    """Yields the runs of a store beside the published figures of the study it names."""
    study = store.rpartition("/")[2]
    records = records_of(store)
    found = against_published(records.values(), study)
    yield (
        "| task | contender | n | ours | published | difference [95 %] | margin | "
        "verdict |"
    )
    yield "|---|---|---:|---:|---:|---|---:|---|"
    for cell in found:
        gap = (
            "-" if cell.gap is None else f"{cell.gap.low:+.3f} to {cell.gap.high:+.3f}"
        )
        better = {True: " (better)", False: " (worse)", None: ""}[cell.better]
        yield (
            f"| {cell.task} | {cell.contender} | {len(cell.scores)}{_diverged(cell)} | "
            f"{cell.mean:.3f} | {cell.figure.value:.3f} | {gap} | "
            f"{cell.figure.margin:.3g} | {cell.verdict + better} |"
        )
    yield ""
    yield from _means(found, records)
    counted = Counter((cell.figure.contender, cell.verdict) for cell in found)
    for (name, verdict), cells in sorted(counted.items()):
        of_name = (cell for cell in found if cell.figure.contender == name)
        reasons = sorted({one for cell in of_name for one in cell.reasons})
        why = f", {'; '.join(reasons)}" if verdict == "not comparable" else ""
        yield f"- {name} on {plural(cells, 'task')}: {verdict}{why}."
    of_study = {figure.contender for figure in published_figures(study)}
    failed = Counter(
        record.identity.model.name
        for record in records.values()
        if record.result.outcome == "failed" and record.identity.model.name in of_study
    )
    for name, runs in sorted(failed.items()):
        yield f"- {name}: {plural(runs, 'failed run')} left out."


def _means(found: Sequence[Comparison], records: Mapping[str, Record]) -> Iterator[str]:
    """Yields the means over tasks of each contender, and how many miss the bar."""
    for name in dict.fromkeys(cell.contender for cell in found):
        own = [cell for cell in found if cell.contender == name]
        cards = [records[cell.keys[0]].scoring for cell in own]
        if len({(card.metric, card.solved) for card in cards}) > 1:
            continue
        printed = [cell.figure.value for cell in own]
        pairs = {"ours": [cell.mean for cell in own], "published": printed}
        told = [
            f"{np.mean(values):.3f} {whose}, "
            f"{sum(not cards[0].is_solved(value) for value in values)} short of the bar"
            for whose, values in pairs.items()
        ]
        yield f"- {name}, mean over {plural(len(own), 'task')}: {'; '.join(told)}."


def _diverged(cell: Comparison) -> str:
    return f", {cell.diverged} diverged" if cell.diverged else ""


def thesis_table(store: str) -> Iterator[str]:
    """Yields the runs of a store beside the figures that the thesis printed."""
    yield (
        "| task | contender | parameters | n | ours (mean ± sd) | each run | "
        "thesis (n = 3) | difference [95 %] | margin | could see | verdict | "
        "differs from others | epochs, ours / thesis |"
    )
    yield "|---|---|---:|---:|---|---|---|---|---:|---:|---|---:|---|"
    records = records_of(store)
    found = against_published(records.values(), "thesis")
    for cell in found:
        epochs = np.mean([records[key].result.steps for key in cell.keys]) / 250
        yield _thesis_row(cell, float(epochs))
    yield ""
    yield _thesis_summary(found)


def _thesis_row(found: Comparison, epochs: float) -> str:
    figure, gap, others = found.figure, found.gap, swapped(found)
    each = ", ".join(f"{score:.3f}" for score in found.scores)
    if found.diverged:
        each += f" ({found.diverged} diverged, counted as chance)"
    better = {True: " (better)", False: " (worse)", None: ""}[found.better]
    verdict = "; ".join([found.verdict + better, *found.reasons])
    spread = "" if found.spread is None else f" ± {found.spread:.3f}"
    between = "-" if gap is None else f"{gap.low:+.3f} to {gap.high:+.3f}"
    between += "†" if len(found.scores) == 1 else ""
    could_see = "-" if found.detectable is None else f"{found.detectable:.3f}"
    return (
        f"| {found.task} | {found.contender} | {found.parameters:,} | "
        f"{len(found.scores)} of {figure.study.n} | {found.mean:.3f}{spread} | "
        f"{each} | {figure.value:.3f} ± {figure.spread:.3f} | {between} | "
        f"{figure.margin:.4f}{'' if figure.can_be_met else '*'} | {could_see} | "
        f"{verdict} | {others['differs']} of {others.total()} | "
        f"{epochs:.0f} / {figure.epochs:.0f} |"
    )


def _thesis_summary(found: Sequence[Comparison]) -> str:
    """How the cells read, and in how many of them none could have agreed."""
    verdicts = _verdicts(found)
    tied = sum(not cell.figure.can_be_met for cell in found)
    wide = sum(
        cell.figure.can_be_met
        and cell.gap is not None
        and cell.gap.high - cell.gap.low >= 2 * cell.figure.margin
        for cell in found
    )
    return (
        f"{len(found)} cells: {verdicts['agrees']} agree, {verdicts['differs']} "
        f"differ, {verdicts['not told apart']} are not told apart. In {tied} (*) the "
        f"margin is no wider than the rounding, and no runs could agree; in {wide} "
        "more the interval is wider than the margins, so that even a mean equal to "
        "the thesis's would not have agreed. †: one run, whose interval holds the "
        "difference less often than 95 % where runs do not vary as the thesis's three."
    )


def swap_table(store: str) -> Iterator[str]:
    """Yields what runs read against their own figures and against wrong ones."""
    records = records_of(store).values()
    found = against_published(records, "thesis")
    first = [record for record in records if record.identity.seed == 0]
    others: Verdicts = sum(map(swapped, found), Counter())
    yield "| what is held against what | pairs | agrees | differs | not told apart |"
    yield "|---|---:|---:|---:|---:|"
    rows = {
        "the cells' runs against their own figures": _verdicts(found),
        "the cells' first runs alone (seed 0) against their own figures": (
            _verdicts(against_published(first, "thesis"))
        ),
        "the cells' runs against the figures of other contenders of the task": others,
        "one run that reads another contender's published mean, against all figures": (
            swapped_means("thesis")
        ),
    }
    for name, verdicts in rows.items():
        yield f"| {name} | {verdicts.total()} | {_shares(verdicts)} |"


def _verdicts(found: Sequence[Comparison]) -> Verdicts:
    return Counter(cell.verdict for cell in found)


def _shares(verdicts: Verdicts) -> str:
    words = ("agrees", "differs", "not told apart")
    return " | ".join(f"{verdicts[word] / verdicts.total():.0%}" for word in words)


def missing_table(store: str) -> Iterator[str]:
    """Yields the seeds that cells of a store lack, the cheapest runs first.

    A run is taken to cost what the cell's seed 0 did, on one core.
    """
    records = records_of(store)
    rows = []
    for cell in against_published(records.values(), "thesis"):
        runs = {records[key].identity.seed: records[key] for key in cell.keys}
        missing = sorted(set(range(cell.figure.study.n or 0)) - set(runs))
        if missing:
            seconds = runs[0].cost.run_seconds
            rows.append((seconds, cell.task, cell.contender, missing))
    yield "| order | task | contender | missing seeds | seconds of a run |"
    yield "|---:|---|---|---|---:|"
    for order, (seconds, task, contender, missing) in enumerate(sorted(rows), 1):
        seeds = ", ".join(map(str, missing))
        yield f"| {order} | {task} | {contender} | {seeds} | {seconds:,.0f} |"
    count = sum(len(missing) for *_, missing in rows)
    hours = sum(seconds * len(missing) for seconds, *_, missing in rows) / 3600
    yield ""
    yield f"{count} runs of {len(rows)} cells are missing: {hours:.1f} core-hours."
