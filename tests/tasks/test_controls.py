"""The measured controls: one of each on every task, as it is today."""

from statistics import mean
from typing import Any

import pytest
from typer.testing import CliRunner

from nnarena.cli import app
from nnarena.cli.controls import verdict
from nnarena.models import MODELS
from nnarena.models.contender import Contender
from nnarena.tasks import TASKS
from nnarena.tasks.controls import Control, controls_of, measurements


OURS = [entry for entry in TASKS if entry.make.__module__.startswith("nnarena.")]
FILE = measurements()
AGAIN = "measure it again: python experiments/controls.py --tasks"


def names(one: Control) -> str:
    return f"{one.control} on {one.task}"


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.name)
def test_every_task_has_both_controls(entry):
    found = [one.control for one in controls_of(entry.name)]
    assert found == ["last_step", "window"], f"{AGAIN} {entry.name}"


@pytest.mark.parametrize("one", FILE.measured, ids=names)
def test_what_was_measured_is_the_task_of_today(one):
    task, model = TASKS[one.task], Contender(one.control, one.control_settings)
    # All settings are named: a new one, or another default, asks for a new figure.
    assert one.settings == {**task.defaults, **given(one)}, f"{AGAIN} {one.task}"
    assert one.version == task.version_of(one.settings), f"{AGAIN} {one.task}"
    assert model.settings == Contender(one.control).settings
    assert one.control_version == MODELS[one.control].version_of(model.settings)
    assert one.metric == task.make(**one.settings).scoring.metric


def given(one: Control) -> dict[str, Any]:
    """Returns what is measured beside the default: of activity its excerpt."""
    return {"excerpt": True} if one.task == "activity" else {}


@pytest.mark.parametrize("one", FILE.measured, ids=names)
def test_figures_keep_to_the_stated_budget(one):
    assert len(one.scores) == FILE.budget.seeds
    assert one.mean == pytest.approx(mean(one.scores), rel=1e-12)
    assert one.parameters == pytest.approx(FILE.budget.parameters, rel=0.1)
    assert one.commit


@pytest.mark.parametrize("name", ["memory", "copy", "xor"])
def test_tasks_of_pure_memory_leave_the_controls_at_chance(name):
    """What they ask for is older than both see, so that more would be a leak."""
    scoring = TASKS[name].make().scoring
    for one in controls_of(name):
        assert abs(one.share(scoring)) < 0.1


def test_the_card_of_a_task_says_how_much_needs_no_memory():
    shown = CliRunner().invoke(app, ["show", "add"]).output
    assert "Measured controls at the default settings: 5,000 parameters" in shown
    assert "last_step: mean squared error 0." in shown
    assert "window: mean squared error 0." in shown
    assert "Of the scale from chance (0) to best (1) they reached 0.0" in shown
    assert "with the last 8 steps" in shown


def test_a_control_below_chance_reaches_nothing():
    assert "reached 0.00 without memory and 0.25 with the last 8" in verdict(
        -1.0, 0.25, 8
    )
    assert "reached 0.50 without memory and 0.40 with the last 3" in verdict(
        0.5, 0.4, 3
    )
