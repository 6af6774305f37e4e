"""Sections on single contenders: what each is, and how each of its runs went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from ..analysis.standing import Leaderboard, Standing
from ..analysis.words import listed, plural
from ..core.references import citation, keys
from .accounts import Account, model_accounts
from .fields import Table
from .prose import to_html
from .tables import runs_table, standing_table


@dataclass(frozen=True)
class Section:
    """One contender: who it is, in its author's words and in its figures.

    Attributes:
        anchor: the place in the page.
        standing: its standing over all tasks.
        settings: the settings that its model was built with.
        trainer: what trained it, with its settings.
        account: its docstring, typeset; empty where its source is not at hand.
        caveat: what to know of the account; empty where there is nothing.
        citation: the work that it is from.
        scores: how it did on every task.
        runs: each of its runs.
        losses: how many of them diverged or failed, in words.
    """

    anchor: str
    standing: Standing
    settings: str
    trainer: str
    account: Markup
    caveat: str
    citation: str
    scores: Table
    runs: Table
    losses: str


def sections(
    frame: pd.DataFrame, board: Leaderboard, versions: dict[str, set[str]]
) -> list[Section]:
    """Returns a section for every contender, in the leaderboard's order.

    Args:
        frame: one row per run, from `runs_frame`.
        board: the standings.
        versions: the versions of each model that ran, by the model's name.
    """
    groups = {str(name): rows for name, rows in frame.groupby("contender", sort=False)}
    return [
        _section(
            f"contender-{index}", standing, groups[standing.contender], board, versions
        )
        for index, standing in enumerate(board.standings)
    ]


def _section(
    anchor: str,
    standing: Standing,
    rows: pd.DataFrame,
    board: Leaderboard,
    versions: dict[str, set[str]],
) -> Section:
    runs = [dict(row) for row in rows.to_dict("records")]
    model = runs[0]["model"]
    account = model_accounts().get(model)
    return Section(
        anchor=anchor,
        standing=standing,
        settings=_settings(runs),
        trainer=_trainer(runs),
        account=to_html(account.docstring) if account else Markup(""),
        caveat=_caveat(account, model, versions.get(model, set())),
        citation=_citation(account),
        scores=standing_table(standing, board),
        runs=runs_table(runs, f"Every run of {standing.contender}"),
        losses=_losses(standing),
    )


def _settings(runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns the settings of a contender, and those that some tasks added to them."""
    usual = next((run for run in runs if not run["added_settings"]), runs[0])
    added = [
        f"on {run['task']} with {run['added_settings']}"
        for run in runs
        if run["added_settings"] != usual["added_settings"]
    ]
    return "; ".join(dict.fromkeys([usual["model_settings"], *added]))


def _trainer(runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns the trainer of a contender, or those that it had on several tasks."""
    found = [f"{run['trainer']} ({run['trainer_settings']})" for run in runs]
    return "; ".join(dict.fromkeys(found))


def _caveat(account: Account | None, model: str, ran: set[str]) -> str:
    if account is None:
        return f"{model} comes from outside of this package, and so do its equations."
    if ran <= set(account.versions):
        return ""
    return (
        f"These words are of version {listed(account.versions)}; the runs are of "
        f"{listed(sorted(ran))} and may have been made by something else."
    )


def _citation(account: Account | None) -> str:
    if account is None:
        return ""
    return citation(account.source) if account.source in keys() else account.source


def _losses(standing: Standing) -> str:
    lost = [
        f"{count} {what}"
        for count, what in (
            (standing.diverged, "diverged"),
            (standing.failed, "failed"),
        )
        if count
    ]
    runs = plural(standing.runs, "run")
    return f"{runs}, of which {listed(lost)}" if lost else f"{runs}, all finished"
