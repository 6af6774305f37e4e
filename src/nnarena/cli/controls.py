"""What the controls scored on a task, for its card: `arena show TASK`."""

from typing import Any

from ..core.registry import Entry
from ..core.scoring import Scoring
from .console import out


def controls_json(entry: Entry) -> list[dict[str, Any]]:
    """Returns the measured controls of a task, each with its share of the scale."""
    from ..tasks.controls import measurements

    return [
        {**one.model_dump(), "share": one.share(_scoring(entry, one.settings))}
        for one in measurements().measured
        if one.task == entry.name
    ]


def show_controls(entry: Entry) -> None:
    """Prints the measured controls of a task, and what they say of it."""
    from ..tasks.controls import measured_settings, measurements

    settings = measured_settings(entry.name)
    if not settings:
        return
    budget = measurements().budget
    out.print(
        f"\n[bold]Measured controls[/]: {budget.parameters:,} parameters, "
        f"{budget.steps:,} steps of {budget.batch}, {budget.seeds} seeds, rates chosen "
        "on validation",
        soft_wrap=True,
    )
    for given in settings:
        _show(entry, given)


def _show(entry: Entry, settings: dict[str, Any]) -> None:
    """Prints the controls on a task with some settings."""
    from ..tasks.controls import controls_of

    found = controls_of(entry.name, settings)
    when = f"{found[0].date}, commit {(found[0].commit or 'unknown')[:10]}"
    out.print(f"  {_settings_text(entry, settings)} ({when}):", markup=False)
    shares = [one.share(_scoring(entry, settings)) for one in found]
    for one, share in zip(found, shares, strict=True):
        seeds = ", ".join(f"{score:.4g}" for score in one.scores)
        text = f"    {one.control}: {one.metric} {one.mean:.4g} (seeds {seeds}), "
        out.print(f"{text}{share:.2f} of the scale", markup=False, soft_wrap=True)
    (alone, recent), size = shares, found[-1].control_settings["size"]
    out.print("    " + verdict(alone, recent, size), markup=False, soft_wrap=True)


def verdict(alone: float, recent: float, size: int) -> str:
    """Returns how much of the scale `last_step` and `window` of `size` steps reach.

    A control below chance reaches nothing.
    """
    alone, recent = max(0.0, alone), max(0.0, recent)
    return (
        f"Of the scale from chance (0) to best (1) they reached {alone:.2f} without "
        f"memory and {recent:.2f} with the last {size} steps; larger "
        "controls, or a longer training, may reach more."
    )


def _scoring(entry: Entry, settings: dict[str, Any]) -> Scoring:
    return entry.make(**settings).scoring


def _settings_text(entry: Entry, settings: dict[str, Any]) -> str:
    """Returns the settings that are not the defaults, in words."""
    from ..analysis.labels import value_text

    given = {k: v for k, v in settings.items() if v != entry.defaults.get(k)}
    listed = ", ".join(f"{name}={value_text(value)}" for name, value in given.items())
    return f"with {listed}" if listed else "at the default settings"
