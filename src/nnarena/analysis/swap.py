"""The swap test: how often a verdict is the same for a contender that it is not.

A verdict on published figures is worth what it says of wrong ones. Runs of one
contender are held against the figures of all others of the task, as if they were
theirs: a page whose verdicts read "agrees" there too cannot fail.
"""

from collections import Counter

from .gap import Verdict, judge
from .published import Comparison, gap_to
from .studies import Figure, published_figures


Verdicts = Counter[Verdict]
"""How many pairs read each of the verdicts."""


def rivals(figure: Figure) -> list[Figure]:
    """Returns the figures of the other contenders of the task in the same study."""
    return [
        other
        for other in published_figures(figure.study.name)
        if (other.task, other.posed) == (figure.task, figure.posed)
        and other.contender != figure.contender
    ]


def swapped(cell: Comparison) -> Verdicts:
    """Returns what the runs of a cell read against every figure but their own.

    Each figure brings its own mean, spread and margin.
    """
    return Counter(
        judge(gap_to(other, cell.scores), other.margin) for other in rivals(cell.figure)
    )


def swapped_means(study: str) -> Verdicts:
    """Returns what one run reads that is the published mean of another contender.

    This needs no runs of ours: it is what a single run beside this study can show. It
    never reads "agrees", as no other mean lies within half the gap to the nearest.

    Raises:
        KeyError: there is no such study.
    """
    return Counter(
        judge(gap_to(figure, [other.value]), figure.margin)
        for figure in published_figures(study)
        for other in rivals(figure)
    )
