"""The measured controls: one of each on every task, as it is today."""

import re
import tomllib
from pathlib import Path
from statistics import mean

import pytest
from tests.synthetic import ERROR, make_record
from typer.testing import CliRunner

from nnarena.analysis.controls import Control, controls_of, measurements
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.leaderboard import leaderboard
from nnarena.cli import app
from nnarena.cli.controls import verdict
from nnarena.models import MODELS
from nnarena.models.contender import Contender
from nnarena.report.tables import overall_table, task_table
from nnarena.runs.record import Record
from nnarena.suite.config import Choice, load_suite, suite_names
from nnarena.tasks import TASKS


FILE = measurements()
AGAIN = "measure it again: python experiments/controls.py --tasks"

EXPERIMENTS = Path(__file__).parents[2] / "experiments"

NOT_TO_BE_HAD = {"activity": {"excerpt": True}}
"""Of activity the published file has not been here: its first tenth stands for it."""


WITHOUT_DATA = ("lra_image", "lra_retrieval")
"""Of these no file has been here: they have no controls."""


TOO_LONG = ("lra",)
"""Suites whose tasks take too long to be measured here: they have no controls."""


def asked() -> list[Choice]:
    """Returns every task of the package, at its defaults and as each suite has it."""
    names = [entry.name for entry in TASKS if not entry.outside]
    own = [Choice(name=name) for name in names]
    measured = [name for name in suite_names() if name not in TOO_LONG]
    suites = [task for name in measured for task in load_suite(name).tasks]
    experiments = sorted(EXPERIMENTS.glob("*.toml"))
    every = [*own, *suites, *(task for path in experiments for task in posed(path))]
    return [task for task in every if task.name not in WITHOUT_DATA]


def posed(path: Path) -> list[Choice]:
    """Returns the tasks of a suite's file; its contenders may be files of their own.

    To load the suite would register those, for all tests of the process.
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    tasks = ({"name": t} if isinstance(t, str) else t for t in content["tasks"])
    return [
        Choice(
            name=one["name"],
            settings={k: v for k, v in one.items() if k not in ("name", "evaluate")},
        )
        for one in tasks
    ]


def names(one: Control) -> str:
    return f"{one.control} on {one.task}"


@pytest.mark.parametrize("task", asked(), ids=str)
def test_every_task_has_both_controls_as_it_is_played(task):
    """At the defaults, and at the settings of all suites."""
    given = {**task.settings, **NOT_TO_BE_HAD.get(task.name, {})}
    found = controls_of(task.name, TASKS[task.name].settings(given))
    assert [one.control for one in found] == ["last_step", "window"], f"{AGAIN} {task}"


@pytest.mark.parametrize("one", FILE.measured, ids=names)
def test_what_was_measured_is_the_task_of_today(one):
    task, model = TASKS[one.task], Contender(one.control, one.control_settings)
    # All settings are named: a new one asks for a new figure.
    assert one.settings.keys() == task.defaults.keys(), f"{AGAIN} {one.task}"
    assert one.version == task.version_of(one.settings), f"{AGAIN} {one.task}"
    assert model.settings == Contender(one.control).settings
    assert one.control_version == MODELS[one.control].version_of(model.settings)
    assert one.metric == task.make(**one.settings).scoring.metric


def test_no_control_is_measured_twice():
    found = [(one.task, str(one.settings), one.control) for one in FILE.measured]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("one", FILE.measured, ids=names)
def test_figures_keep_to_the_stated_budget(one):
    assert len(one.scores) == FILE.budget.seeds
    assert one.mean == pytest.approx(mean(one.scores), rel=1e-12)
    assert one.parameters == pytest.approx(FILE.budget.parameters, rel=0.1)
    assert one.commit


@pytest.mark.parametrize(
    "name", ["memory", "copy", "xor", "temporal_order", "bengio_latch", "sum_of_sines"]
)
def test_tasks_of_pure_memory_leave_the_controls_at_chance(name):
    """What they ask for is older than both see, so that more would be a leak.

    Forms of ten steps or fewer show a part of it to a window of eight.
    """
    for one in FILE.measured:
        if one.task != name:
            continue
        task = TASKS[name].make(**one.settings)
        if task.axis is None or one.settings[task.axis] > 10:
            assert abs(one.share(task.scoring)) < 0.1


def test_the_card_of_a_task_says_how_much_needs_no_memory():
    shown = CliRunner().invoke(app, ["show", "add"]).output
    assert "Measured controls: 5,000 parameters, 1,000 steps of 32, 3 seeds" in shown
    assert "at the default settings (" in shown
    assert "with length=20 (" in shown
    assert "last_step: mean squared error 0." in shown
    assert "window: mean squared error 0." in shown
    assert "At least 0.0" in shown
    assert "of the scale from chance (0) to best (1) needs no memory" in shown
    assert "no more than the last 8 steps" in shown


@pytest.mark.parametrize(
    ("alone", "recent", "no_memory", "few_steps"),
    [
        (-1.0, 0.25, "0.00", "0.25"),
        (-1.0, -0.5, "0.00", "0.00"),
        (0.2, 0.6, "0.20", "0.60"),
        (0.5, 0.4, "0.50", "0.50"),
        (0.5, -1.0, "0.50", "0.50"),
    ],
)
def test_what_the_last_step_suffices_for_the_last_steps_do(
    alone, recent, no_memory, few_steps
):
    """The window holds the last step: less of it is a worse fit, not less to see."""
    said = verdict(alone, recent, 3)
    assert said.startswith(f"At least {no_memory} of the scale from chance (0) to best")
    assert f"needs no memory, and at least {few_steps} no more than the last 3" in said


@pytest.mark.parametrize("task", sorted({one.task for one in FILE.measured}))
def test_no_card_says_that_more_steps_suffice_for_less(task):
    shown = CliRunner().invoke(app, ["show", task]).output
    found = re.findall(r"At least (\S+) of the .* and at least (\S+) no more", shown)
    assert found
    assert all(float(alone) <= float(enough) for alone, enough in found)


ADD = TASKS["add"].settings({"length": 20})


def ran(model: str, length: int, score: float) -> Record:
    """A run on `add` as it is today."""
    settings = TASKS["add"].settings({"length": length})
    own = {one.control: one.control_settings for one in FILE.measured}
    return make_record(
        model,
        "add",
        score=score,
        settings=own.get(model),
        task_settings=settings,
    )


def board_of(*records):
    return leaderboard(runs_frame(records))


def test_a_store_without_controls_shows_them_as_they_were_measured():
    """On the tasks that were measured as the store has them, and in no pair."""
    add = ran("gru", 20, 0.01)
    board = board_of(add, ran("lstm", 20, 0.02))
    assert [one.control for one in board.controls] == ["last_step", "window"]
    assert len(board.pairs) == 1
    for one in board.controls:
        [found] = [
            c
            for c in controls_of("add", TASKS["add"].settings({"length": 20}))
            if c.control == one.control
        ]
        assert one.scores == {"add": found.mean}
        share = found.share(ERROR)
        assert one.overall == one.shares["add"] == pytest.approx(share)
    text = str(board)
    assert "last_step control, measured apart" in text
    assert "Measured apart (5,000 parameters, 3 seeds" in text
    assert "What last_step reaches needs no memory, and what window" in text
    [overall, tasks] = [table(board) for table in (overall_table, task_table)]
    assert [row[1].text for row in overall.rows[2:]] == ["last_step", "window"]
    assert {len(row) for row in overall.rows} == {len(overall.heads)}
    assert [row[0].text for row in tasks.rows[2:]] == ["last_step", "window"]


def test_a_control_of_the_store_is_not_shown_twice():
    board = board_of(
        ran("gru", 20, 0.01),
        ran("last_step", 20, 0.2),
    )
    assert [one.control for one in board.controls] == ["window"]


def test_a_control_of_another_size_or_on_one_of_two_tasks_leaves_the_rest():
    other = make_record("window", "add", settings={"size": 20}, task_settings=ADD)
    half = board_of(
        ran("gru", 20, 0.01),
        ran("gru", 40, 0.01),
        ran("last_step", 20, 0.2),
        other,
    )
    shown = {one.control: set(one.scores) for one in half.controls}
    both = {"add (length=20)", "add (length=40)"}
    assert shown == {"last_step": {"add (length=40)"}, "window": both}


def test_a_task_that_was_not_measured_so_has_none():
    told = board_of(
        ran("gru", 20, 0.01),
        ran("gru", 21, 0.01),
    )
    assert {task for one in told.controls for task in one.scores} == {"add (length=20)"}
    assert all(one.overall is None for one in told.controls)
    assert "not on add (length=21)" in str(told)
    assert board_of(ran("gru", 21, 0.01)).controls == ()
