"""How often a task is learned, against its length: for pages of the docs (`pages.py`).

    <!-- success: claims/latch -->         shares of runs by length, and what tests say
    <!-- figure: claims/latch success -->  the shares drawn

A run succeeds if its test score reaches the task's bar. Shares have Wilson's interval.
Two contenders are compared by the exact test of their successes within lengths: given
how many runs of both succeed at each length, the number that are the first one's is
hypergeometric, and the sum over lengths has the convolution of these for its
distribution; p adds what is no more likely than what came. Holm corrects for the pairs.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
from scipy.stats import fisher_exact, hypergeom

from nnarena.analysis.frame import runs_frame
from nnarena.analysis.intervals import wilson
from nnarena.report.figures import Figure
from nnarena.report.figures.figure import rows_chart
from nnarena.runs.store import DirectoryStore


ROOT = Path(__file__).parent.parent
LEVEL = 0.05

ASIDE = 1.02
"""By which factor of the length the marks of one contender stand aside of another's."""

Counts = Mapping[float, tuple[int, int]]
"""By length: how many runs succeeded, and how many there were."""

NAMES = {
    "temporal_order": {
        "elman (clip=0.0)": "SGD",
        "elman (clip=1.0)": "SGD, clipped",
        "elman (clip=1.0, penalties.omega_released=2.0)": "SGD, clipped, regularized",
    },
    "latch": {
        "latch_unit (start=0.5)": "SGD from 0.5",
        "latch_unit (start=1.25, trainer=gradient_descent)": "SGD from 1.25",
        "latch_unit (start=2.0)": "SGD from 2",
        "latch_unit (start=1.25, trainer=guessing)": "guessing",
    },
}
"""How the contenders of stores under results/claims are named."""

FALLS = {"latch": ((5, 10, 15), (30, 40, 50))}
"""Short lengths and long ones of which a suite asks whether success falls."""


def frame_of(name: str) -> pd.DataFrame:
    """Returns the runs of a store under results/claims, with their histories."""
    store = DirectoryStore(ROOT / "results/claims" / name)
    records = list(store)
    histories = store.histories(record.key for record in records)
    return runs_frame(records, histories.get)


def counts_of(frame: pd.DataFrame) -> dict[str, Counts]:
    """Returns the successes of each contender, by length."""
    found = frame.groupby(["contender", "length"]).solved.agg(["sum", "count"])
    counts: dict[str, dict[float, tuple[int, int]]] = {}
    for (contender, length), row in found.iterrows():  # pyright: ignore
        counts.setdefault(contender, {})[length] = int(row["sum"]), int(row["count"])
    return counts


def within_lengths(first: Counts, second: Counts) -> float:
    """Returns p of the exact test of two contenders' successes within lengths."""
    if first.keys() != second.keys():
        raise ValueError("the two were not run at the same lengths")
    chances, least, came = np.ones(1), 0, 0
    for length, (hits, runs) in first.items():
        others, more = second[length]
        low, high = max(0, hits + others - more), min(runs, hits + others)
        there = hypergeom.pmf(
            np.arange(low, high + 1), runs + more, hits + others, runs
        )
        chances, least, came = np.convolve(chances, there), least + low, came + hits
    seen = chances[came - least]
    return float(min(1.0, chances[chances <= seen * (1 + 1e-9)].sum()))


def holm(chances: Sequence[float]) -> list[float]:
    """Returns p values as Holm corrects them for their number."""
    order = np.argsort(chances)
    scaled = [chances[k] * (len(chances) - i) for i, k in enumerate(order)]
    corrected = np.minimum(1.0, np.maximum.accumulate(scaled))
    return corrected[np.argsort(order)].tolist()


def success_table(store: str) -> Iterator[str]:
    """Yields successes by length with Wilson's intervals, and what the tests say."""
    name = store.removeprefix("claims/")
    frame, names = frame_of(name), NAMES[name]
    counts = counts_of(frame)
    lengths = sorted(next(iter(counts.values())))
    known = bool(np.isfinite(frame.solve_step).any())  # histories are kept of some
    heads = [f"{length:g}" for length in lengths] + ["updates"] * known
    yield f"| learned by | {' | '.join(heads)} |"
    yield "|---|" + "---|" * len(heads)
    for contender, told in names.items():
        own = frame[frame.contender == contender]
        cells = [_share(*counts[contender][length]) for length in lengths]
        cells += [_updates(own)] * known
        yield f"| {told} | {' | '.join(cells)} |"
    yield ""
    seeds = frame.groupby(["contender", "task"]).size().min()
    yield (
        f"How many runs of {seeds} succeed at each length, with Wilson's 95 % interval "
        "of their share in percent."
    )
    if known:
        yield (
            "Updates: at which check those that succeed first reached the bar, the "
            "median, both rates in turn."
        )
    yield from _falling(name, counts)
    yield ""
    pairs = list(combinations(names, 2))
    chances = holm([within_lengths(counts[a], counts[b]) for a, b in pairs])
    for (a, b), chance in zip(pairs, chances, strict=True):
        yield f"- {_verdict(names[a], names[b], counts[a], counts[b], chance)}"


def _share(hits: int, runs: int) -> str:
    ends = wilson(hits, runs)
    return f"{hits} [{100 * ends.low:.0f}, {100 * ends.high:.0f}]"


def _updates(own: pd.DataFrame) -> str:
    solved = own[own.solved & np.isfinite(own.solve_step)]
    return f"{solved.solve_step.median():,.0f}" if len(solved) else "-"


def _verdict(first: str, second: str, a: Counts, b: Counts, chance: float) -> str:
    if share(a, list(a)) < share(b, list(b)):
        first, second, a, b = second, first, b, a
    one, other = (
        "{} of {}".format(*np.sum(list(counts.values()), axis=0)) for counts in (a, b)
    )
    told = f"{first} succeeds more often than {second}"
    if chance >= LEVEL:
        told = f"{first} and {second} are not told apart"
    return f"{told}: {one} runs and {other}, p = {chance:.2g}."


def _falling(name: str, counts: Mapping[str, Counts]) -> Iterator[str]:
    if name not in FALLS:
        return
    short, long = FALLS[name]
    own = [counts[one] for one in NAMES[name]]
    chances = holm([falls(one, short, long) for one in own])
    yield ""
    yield (
        f"Successes at {short[0]} to {short[-1]} against those at {long[0]} to "
        f"{long[-1]}, by Fisher's exact test with Holm's correction:"
    )
    yield ""
    for told, one, chance in zip(NAMES[name].values(), own, chances, strict=True):
        down = share(one, short) > share(one, long)
        word = "falls" if chance < LEVEL and down else "is not seen to fall"
        yield f"- {told}: {word}, p = {chance:.2g}."


def share(counts: Counts, lengths: Sequence[float]) -> float:
    """Returns the share of runs that succeed at some lengths."""
    hits, runs = np.sum([counts[length] for length in lengths], axis=0)
    return float(hits / runs)


def falls(counts: Counts, short: Sequence[float], long: Sequence[float]) -> float:
    """Returns p of Fisher's test of successes at short lengths against long ones."""

    def both(lengths: Sequence[float]) -> list[int]:
        hits = sum(counts[length][0] for length in lengths)
        return [hits, sum(counts[length][1] for length in lengths) - hits]

    return float(fisher_exact([both(short), both(long)]).pvalue)


def success_figure(store: str) -> Figure:
    """Returns the shares of runs that succeed against the length, on a log axis."""
    name = store.removeprefix("claims/")
    counts, names = counts_of(frame_of(name)), NAMES[name]
    rows = [
        _mark(told, length * ASIDE ** (place - (len(names) - 1) / 2), *own)
        for place, (contender, told) in enumerate(names.items())
        for length, own in counts[contender].items()
    ]
    lengths = sorted({length for own in counts.values() for length in own})
    return Figure(
        "success",
        "How often the task is learned, against its length",
        "Shares of runs that succeed, with Wilson's 95 % intervals; the marks of one "
        "length stand side by side",
        _chart(lengths, list(names.values())),
        rows,
    )


def _mark(told: str, length: float, hits: int, runs: int) -> dict[str, float | str]:
    low, high = wilson(hits, runs)
    share = hits / runs
    return {"by": told, "length": length, "share": share, "low": low, "high": high}


def _chart(lengths: Sequence[float], names: Sequence[str]) -> alt.LayerChart:
    base = rows_chart().encode(
        x=alt.X("length:Q", title="length")
        .scale(type="log", nice=False, padding=12)
        .axis(values=list(lengths), format="~s"),
        color=alt.Color("by:N", sort=names).scale(scheme="dark2"),
    )
    share = alt.Y("share:Q", title="runs that succeed")
    share = share.scale(domain=[0, 1]).axis(format="%")
    dash = alt.StrokeDash("by:N", sort=names, legend=None)
    shape = alt.Shape("by:N", sort=names, legend=None)
    lines = base.mark_line().encode(y=share, strokeDash=dash)
    marks = base.mark_point(filled=True, size=45, opacity=1)
    doubts = base.mark_rule().encode(y="low:Q", y2="high:Q")
    layers = lines + doubts + marks.encode(y=share, shape=shape)
    return layers.properties(height=260)
