"""Performance profiles: how many runs reach each score."""

import math

import altair as alt
import numpy as np

from ...analysis.profiles import profile
from ...analysis.scores import Scores
from .figure import Figure, finished, rows_chart
from .marks import FEW, OKABE_ITO, Looks, Rows, color, dash, in_focus, numbers


THRESHOLDS = np.linspace(0.0, 1.0, 41)


def performance_profiles(scores: Scores, looks: Looks) -> Figure | None:
    """Returns the share of runs that reach each normalized score, with bands.

    Only of contenders with a run on every task: shares are means over tasks. None
    where there is no such contender.
    """
    full = scores.complete()
    rows = [row for name in full.contenders for row in _rows(name, full.of(name))]
    if not rows:
        return None
    few = len(looks) <= len(OKABE_ITO)
    base = rows_chart().encode(
        x=alt.X("score:Q", title="normalized score", axis=FEW),
        color=color(looks),
    )
    band = base.mark_area(strokeWidth=0).encode(
        y=alt.Y("low:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=FEW),
        y2="high:Q",
        opacity=in_focus(0.2, 0.0, 0.15 if few else 0.0),
    )
    line = base.mark_line(strokeWidth=2).encode(
        y="share:Q",
        strokeDash=dash(looks),
        opacity=in_focus(1.0, 0.1),
        tooltip=["contender:N", *numbers("score", "share", "low", "high")],
    )
    title = ("share of runs that reach a score", "higher is better; tasks weigh alike")
    return Figure(
        "profiles",
        "Performance profiles",
        "How large a share of its runs reaches a normalized score, with its interval "
        "over seeds. Where two lines cross, neither contender is better throughout.",
        finished([band, line], 300, *title),
        rows,
    )


def _rows(contender: str, matrix: np.ndarray) -> Rows:
    found = profile(matrix, THRESHOLDS)
    columns = (found.thresholds, found.shares, found.low, found.high)
    return [
        {
            "contender": contender,
            "score": score,
            "share": share,
            "low": None if math.isnan(low) else low,
            "high": None if math.isnan(high) else high,
        }
        for score, share, low, high in np.stack(columns, axis=-1).tolist()
    ]
