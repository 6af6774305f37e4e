"""`arena record`."""

from pathlib import Path

import numpy as np

from ..recording import RecordingProblem, Roll, open_walker, record_walker
from .console import guarded, news, out, refuse


@guarded
def record_data(
    what: str, folder: Path, *, rollouts: int, seed: int, updates: int, stages: int
) -> None:
    """Records roll-outs and prints what they are and how the task reads them."""
    if what != "walker":
        raise refuse(f"there is nothing to record for {what!r}; there is: walker")
    folder = folder.expanduser().resolve()
    try:
        rolls = record_walker(
            open_walker(),
            folder,
            rollouts=rollouts,
            seed=seed,
            updates=updates,
            stages=stages,
            news=lambda sentence: news.print(sentence, highlight=False),
        )
    except RecordingProblem as problem:
        raise refuse(str(problem)) from problem
    for stage in range(stages):
        out.print(_told(stage, [roll for roll in rolls if roll.stage == stage]))
    out.print(f"{len(rolls)} roll-outs in {folder}", markup=False, soft_wrap=True)
    out.print(_reading(folder), markup=False, soft_wrap=True)


def _told(stage: int, rolls: list[Roll]) -> str:
    steps = [roll.steps for roll in rolls]
    reward = float(np.mean([roll.reward for roll in rolls]))
    return (
        f"stage {stage + 1}: {len(rolls)} roll-outs of {min(steps)} to {max(steps)} "
        f"steps, reward {reward:,.0f} on average"
    )


def _reading(folder: Path) -> str:
    """Returns the words by which the task reads a folder."""
    from ..suite.provenance import data_folder
    from ..tasks.walker import describe

    return f"--tasks {describe(data_folder(downloads=False), folder)!r}"
