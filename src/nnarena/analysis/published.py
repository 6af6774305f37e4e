"""Runs beside the figures of the literature: does the mean of a model come out again?

The figures are kept in `published.toml` with their conditions. A verdict is given only
where a run has the task's settings, the training and the size of the study. It is a
test of equivalence (`gap.judge`): the interval of the difference of the two means is
held against a margin that follows from the study alone, half the gap to the nearest
other contender of the task, so that runs which agree with a figure lie closer to it
than to any other. A study of one contender states its margin. The doubt is that of
both sides, by Welch's interval; of a single run, whose spread is not known, by
Student's: it is taken to vary as theirs did.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from ..runs.record import Record, Scoring
from .frame import runs_frame
from .gap import Gap, Verdict, gap_of, judge
from .intervals import Interval, within
from .studies import Figure, published_figures


SIZE = 0.1
"""Models whose parameters differ by more than this share are of another size."""

SIZE_DIFFERS = "another size"
"""How the reason of such a difference begins."""


@dataclass(frozen=True)
class Comparison:
    """The runs of one contender on one task beside one published figure.

    `scores` count a diverged run as a blind answer. `gap` is the interval of ours less
    theirs, and `detectable` the smallest true difference that so many runs of this
    spread would have shown with a power of 0.8: both None for a single run beside a
    figure without spread, and `detectable` where not even the whole scale of scores
    would have been seen. `better` says which side of a figure that it differs from
    the mean is on, None for any other verdict. `reasons` say why there is no
    comparison.
    """

    figure: Figure
    contender: str
    task: str
    keys: tuple[str, ...]
    scores: tuple[float, ...]
    diverged: int
    parameters: int | None
    gap: Interval | None
    detectable: float | None
    verdict: Verdict
    better: bool | None
    reasons: tuple[str, ...]

    @property
    def mean(self) -> float:
        """The mean of our scores."""
        return float(np.mean(self.scores))

    @property
    def spread(self) -> float | None:
        """The sample standard deviation of our scores; None for a single one."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else None


def against_published(
    records: Iterable[Record], study: str | None = None
) -> list[Comparison]:
    """Returns the runs of a store beside every figure of their model and task.

    Failed runs are left out. Figures come in the order of their file.

    Raises:
        KeyError: there is no such study.
    """
    cells = _cells(records)
    return [
        _compared(figure, *label, runs)
        for figure in published_figures(study)
        for (model, task), labels in cells.items()
        if (model, task) == (figure.contender, figure.task)
        for label, runs in labels.items()
        if _is_posed(figure, runs[0][0])
    ]


def gap_to(figure: Figure, scores: Sequence[float]) -> Gap | None:
    """Returns the mean of runs less a published figure; None if nothing has a spread.

    Args:
        figure: the figure.
        scores: one score per run.
    """
    study = figure.study
    return gap_of(
        np.array(scores), figure.value, figure.spread, study.n, rounding=study.rounding
    )


Cells = dict[tuple[str, str], dict[tuple[str, str], list[tuple[Record, float]]]]
"""By model and task, then by the labels of both: runs with what they count for."""


def _cells(records: Iterable[Record]) -> Cells:
    judged = [record for record in records if record.result.outcome != "failed"]
    by_key = {record.key: record for record in judged}
    cells: Cells = {}
    for row in runs_frame(judged).to_dict("records"):
        labels = cells.setdefault((row["model"], row["task_name"]), {})
        runs = labels.setdefault((row["contender"], row["task"]), [])
        runs.append((by_key[row["key"]], float(row["counted_score"])))
    return cells


def _compared(
    figure: Figure, contender: str, task: str, runs: Sequence[tuple[Record, float]]
) -> Comparison:
    records, scores = zip(*runs, strict=True)
    differences = list(_differences(figure, records[0]))
    gap = None if differences else gap_to(figure, scores)
    verdict: Verdict = "not comparable" if differences else judge(gap, figure.margin)
    better, span = None, _span(records[0].scoring)
    if gap is not None and verdict == "differs":
        better = (gap.value > 0) == records[0].scoring.higher_is_better
    return Comparison(
        figure=figure,
        contender=contender,
        task=task,
        keys=tuple(record.key for record in records),
        scores=scores,
        diverged=sum(record.result.outcome == "diverged" for record in records),
        parameters=records[0].result.parameters,
        gap=gap and within(gap.interval, gap.value, -span, span),
        detectable=gap.detectable if gap and gap.detectable <= span else None,
        verdict=verdict,
        better=better,
        reasons=tuple(differences),
    )


def _is_posed(figure: Figure, record: Record) -> bool:
    settings = record.identity.task.all_settings
    return all(settings.get(name) == value for name, value in figure.posed.items())


def _span(scoring: Scoring) -> float:
    """By how much two scores can differ."""
    return math.inf if scoring.worst is None else abs(scoring.best - scoring.worst)


def _differences(figure: Figure, record: Record) -> Iterator[str]:
    """What keeps a run and a figure from being comparable."""
    identity, count = record.identity, record.result.parameters
    if figure.unlike:
        yield figure.unlike
    if figure.metric != record.scoring.metric:
        yield f"another metric: {record.scoring.metric}, not {figure.metric}"
    yield from _others("task", identity.task.all_settings, figure.settings)
    yield from _others("training", identity.trainer.all_settings, figure.study.trainer)
    wanted = figure.parameters
    if wanted and count and abs(count - wanted) > SIZE * wanted:
        yield f"{SIZE_DIFFERS}: {count:,} parameters, not {wanted:,}"


def _others(
    what: str, settings: Mapping[str, JsonValue], wanted: Mapping[str, JsonValue]
) -> Iterator[str]:
    told = [
        f"{name} {settings.get(name)}, not {value}"
        for name, value in wanted.items()
        if settings.get(name) != value
    ]
    if told:
        yield f"another {what}: {', '.join(told)}"
