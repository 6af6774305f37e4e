"""A table of many tasks: tasks as rows, and how many of them each contender failed."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from experiments.claim_tables import cell_text, rows_of

from nnarena.analysis.intervals import mean_interval
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.standing import TaskCard
from nnarena.analysis.text import one_level_note


LACKS = "lacks tasks"
"""Of contenders that no figure over all tasks can be given for."""


def tasks_table(store: str) -> Iterator[str]:
    """Yields a row per task and a column per contender; below, figures over all tasks.

    Of a seed a task is failed where its run did not solve it, or broke. A mean error is
    given where accuracy is what all tasks are judged by.
    """
    frame = rows_of(store)
    board = leaderboard(frame)
    names = [standing.contender for standing in board.standings]
    yield f"| task | {' | '.join(names)} |"
    yield "|---|" + "---:|" * len(names)
    for card in board.tasks:
        cells = [cell_text(one.cell(card.task), card) for one in board.standings]
        yield f"| {card.task} | {' | '.join(cells)} |"
    own = {name: frame.query("contender == @name") for name in names}
    metrics = sorted({card.metric for card in board.tasks})
    if metrics == ["accuracy"]:
        errors = [mean_error(runs, board.tasks) for runs in own.values()]
        yield f"| mean error over tasks, % | {' | '.join(errors)} |"
    counts = [failed_tasks(runs, len(board.tasks)) for runs in own.values()]
    yield f"| failed of {len(board.tasks)}, mean: each seed | {' | '.join(counts)} |"
    yield ""
    yield (
        f"Test {', '.join(metrics)}, mean over seeds [95 % interval], k/n runs that "
        "solved it. Of seeds that lack a task no failed ones are counted (-)."
    )
    for note in (*one_level_note(board), *board.trained):
        yield ""
        yield note


def mean_error(runs: pd.DataFrame, tasks: Sequence[TaskCard]) -> str:
    """Returns the mean over tasks of a contender's mean errors: "51.3 [50.2, 52.4]".

    In percent, with the interval of the mean over seeds; a diverged run counts as a
    blind answer, and a failed one is left out.
    """
    scores = runs.pivot(index="seed", columns="task", values="counted_score")
    scores = scores.reindex(columns=[card.task for card in tasks])
    if scores.isna().all().any():
        return LACKS
    split = np.array([card.all_or_none for card in tasks])
    worst = [card.chance if card.worst is None else card.worst for card in tasks]
    ends = mean_interval(scores.to_numpy(), split, np.array(worst))
    around = ""
    if ends is not None:
        around = f" [{100 * (1 - ends.high):.3g}, {100 * (1 - ends.low):.3g}]"
    return f"{100 * (1 - scores.mean().mean()):.3g}{around}"


def failed_tasks(runs: pd.DataFrame, tasks: int) -> str:
    """Returns how many tasks the seeds of a contender failed: "9.5: 9, 10"."""
    of_seeds = [seed.solved.to_numpy(bool) for _, seed in runs.groupby("seed")]
    counts = [(~solved).sum() if solved.size == tasks else None for solved in of_seeds]
    whole = [count for count in counts if count is not None]
    if not whole:
        return LACKS
    each = ", ".join("-" if count is None else str(count) for count in counts)
    return f"{np.mean(whole):.3g}: {each}"
