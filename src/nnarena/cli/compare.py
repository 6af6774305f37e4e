"""`arena compare`: the leaderboard, two contenders, or the literature; without jax."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from ..analysis.frame import runs_frame
from ..analysis.pairs import Pair
from ..analysis.plain import plain
from ..analysis.published import SIZE_DIFFERS, Comparison, against_published
from ..analysis.scores import scores_of
from ..analysis.studies import published_figures, study_names
from ..analysis.text import figure
from ..analysis.training import trained_otherwise
from ..analysis.versus import Versus, versus
from ..analysis.words import plural
from ..core.registry import UnknownName
from .console import guarded, out, print_json, refuse
from .options import folder_of
from .results import read_records, show_leaderboard


SINGLE = "†"
"""Marks an interval of a single run, which holds less often than it says."""


@guarded
def show_comparison(
    names: Sequence[str],
    results: str | None,
    against: str | None,
    study: str | None,
    *,
    as_json: bool,
) -> None:
    """Prints what the words of the command ask for."""
    if against not in (None, "published"):
        raise refuse(f"--against takes published, not {against!r}")
    if study is not None and against is None:
        raise refuse("--study says which published figures: add --against published")
    if len(names) > 2 or (len(names) == 2 and against):
        raise refuse("compare takes a folder, or two contenders A B of --results")
    folder = folder_of(results, names[0] if len(names) == 1 else None)
    if against:
        show_published(folder, study, as_json=as_json)
    elif len(names) == 2:
        show_versus(folder, names[0], names[1], as_json=as_json)
    else:
        show_leaderboard(folder, as_json=as_json)


def show_versus(results: str, first: str, second: str, *, as_json: bool) -> None:
    """Prints whether one contender beats another."""
    frame = runs_frame(read_records(results))
    scores = scores_of(frame)
    for name in (first, second):
        if name not in scores.contenders:
            raise UnknownName("contender", name, list(scores.contenders))
    try:
        found = versus(scores, first, second)
    except ValueError as error:
        raise refuse(str(error)) from error
    if as_json:
        print_json(plain(found))
    else:
        _print_versus(found)
        of_both = frame["contender"].isin([first, second])
        for note in trained_otherwise(frame.loc[of_both]):
            out.print(note, markup=False)


def _print_versus(found: Versus) -> None:
    out.print(found.sentence, markup=False)
    header = ("task", found.first, found.second, "P(first > second)", "p (Holm)", "g")
    table = Table(*map(escape, header), box=box.SIMPLE_HEAD, pad_edge=False)
    for pair in found.tasks:
        table.add_row(*map(escape, _pair_row(pair)))
    out.print(table)
    if found.left_out:
        out.print(f"Only one has run: {', '.join(found.left_out)}.", markup=False)
    out.print(
        f"The verdict is the leaderboard's and the page's. Its interval is of "
        f"{found.family}, and p, of P = 0.5, is adjusted for "
        f"{plural(found.tests, 'test')}, each pair of the store on each task: this "
        "pair may have been chosen after the scores were seen. For one that was chosen "
        "beforehand, compare a folder of these two alone. Scores are means over seeds "
        "where 0 is a blind answer and 1 a perfect one. P is the probability that a "
        "run of the first is the better one, with a 95 % interval of its own that "
        "holds whatever the runs look like; better on a task says that P is above 0.5. "
        "g is Hedges'.",
        markup=False,
    )
    if found.note:
        out.print(found.note, markup=False)


def _pair_row(pair: Pair) -> tuple[str, ...]:
    low, high = pair.interval
    return (
        pair.task,
        *(f"{mean:.3f} (n={n})" for mean, n in zip(pair.means, pair.runs, strict=True)),
        f"{pair.superiority:.2f} [{low:.2f}, {high:.2f}]",
        f"{pair.adjusted:.2g} {pair.stars}".rstrip(),
        "-" if pair.effect is None else f"{pair.effect:+.2f}",
    )


def show_published(results: str, study: str | None, *, as_json: bool) -> None:
    """Prints the runs of a folder beside the figures of the literature."""
    if study is not None and study not in study_names():
        raise UnknownName("study", study, study_names())
    found = against_published(read_records(results), study)
    if as_json:
        print_json([_comparison_row(comparison) for comparison in found])
        return
    if found:
        _print_published(found)
    figures = published_figures(study)
    absent = sum(all(c.figure is not figure for c in found) for figure in figures)
    out.print(f"{absent} published figures have no run here.", markup=False)


def _comparison_row(found: Comparison) -> dict[str, Any]:
    row = plain(found)
    study = row["figure"]["study"]
    row["figure"]["study"] = {
        name: study[name] for name in ("name", "title", "source", "conditions", "n")
    }
    return {**row, "mean": found.mean, "spread": found.spread}


def _print_published(found: Sequence[Comparison]) -> None:
    sizes = "parameters, ours / theirs"
    header = (
        *("task", "contender", sizes, "n", "ours", "published"),
        *("difference", "margin", "could see", ""),
    )
    table = Table(*header, box=box.SIMPLE_HEAD, pad_edge=False)
    for comparison in found:
        table.add_row(*map(escape, _published_row(comparison)))
    out.print(table)
    # Sizes differ from row to row and stand in the table.
    reasons = Counter(
        reason.split(":")[0] if reason.startswith(SIZE_DIFFERS) else reason
        for comparison in found
        for reason in comparison.reasons
    )
    for reason, count in reasons.most_common():
        out.print(f"Not comparable, {count} of them: {reason}.", markup=False)
    for study in {c.figure.study.name: c.figure.study for c in found}.values():
        text = f"{study.title} ({study.source}): {study.conditions}."
        out.print(text, markup=False)
    out.print(
        "Mean ± sample standard deviation over n runs, a diverged run at chance. "
        "Difference: the 95 % interval of ours less theirs (Welch; a single run is "
        "taken to vary as theirs: Student). Agrees: it lies inside the margin, half "
        "the gap to the nearest other contender of the task in the study or what "
        "published.toml states; a margin with * is no wider than the rounding, so "
        "that nothing agrees. Differs: it does not, and excludes 0. Could see: the "
        "smallest difference that differs four times in five; - where it is longer "
        f"than the scale. {SINGLE} Of a single run: holds less often than 95 % where "
        "runs do not vary as theirs.",
        markup=False,
    )


def _published_row(found: Comparison) -> tuple[str, ...]:
    published, gap = found.figure, found.gap
    single = SINGLE if len(found.scores) == 1 else ""
    verdict: str = found.verdict
    if found.better is not None:
        verdict += " (better)" if found.better else " (worse)"
    return (
        found.task,
        found.contender,
        f"{_count(found.parameters)} / {_count(published.parameters)}",
        str(len(found.scores)),
        _spread_text(found.mean, found.spread),
        f"{published.study.title}: {_spread_text(published.value, published.spread)}",
        "-" if gap is None else f"[{gap.low:+.3f}, {gap.high:+.3f}]{single}",
        f"{published.margin:.2g}{'' if published.can_be_met else '*'}",
        "-" if found.detectable is None else figure(found.detectable),
        verdict,
    )


def _count(parameters: int | None) -> str:
    return "-" if parameters is None else f"{parameters:,}"


def _spread_text(value: float, spread: float | None) -> str:
    return figure(value) if spread is None else f"{figure(value)} ± {figure(spread)}"
