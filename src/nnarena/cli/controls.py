"""What the controls scored on a task, for its card: `arena show TASK`."""

from typing import Any

from ..core.registry import Entry
from ..core.scoring import Scoring
from .console import out


def controls_json(entry: Entry) -> list[dict[str, Any]]:
    """Returns the measured controls of a task, each with its share of the scale."""
    from ..analysis.controls import measurements

    return [
        {**one.model_dump(), "share": one.share(_scoring(entry, one.settings))}
        for one in measurements().measured
        if one.task == entry.name
    ]


def show_controls(entry: Entry) -> None:
    """Prints the measured controls of a task, and what they say of it."""
    from ..analysis.controls import measured_settings, measurements

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
    from ..analysis.controls import controls_of

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
    """Returns how much of the scale needs no memory, and how much `size` steps suffice.

    `alone` is what `last_step` reached, `recent` what `window` did. A control below
    chance reaches nothing. The steps of `window` hold that of `last_step`: where it
    reached less, it was harder to fit, and they suffice for what the other reached.
    """
    alone = max(0.0, alone)
    enough = max(alone, recent)
    return (
        f"At least {alone:.2f} of the scale from chance (0) to best (1) needs no "
        f"memory, and at least {enough:.2f} no more than the last {size} steps, of "
        "which the last is one: the better of both controls counts. Larger controls, "
        "or a longer training, may reach more."
    )


def _scoring(entry: Entry, settings: dict[str, Any]) -> Scoring:
    return entry.make(**settings).scoring


def _settings_text(entry: Entry, settings: dict[str, Any]) -> str:
    """Returns the settings that are not the defaults, in words."""
    from ..analysis.labels import value_text

    given = {k: v for k, v in settings.items() if v != entry.defaults.get(k)}
    listed = ", ".join(f"{name}={value_text(value)}" for name, value in given.items())
    return f"with {listed}" if listed else "at the default settings"
