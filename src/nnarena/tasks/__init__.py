"""Tasks: one file each, found by the registry `TASKS`."""

from ..core.registry import Registry


TASKS = Registry("task", package="nnarena.tasks")

from .base import AbstractForecast, AbstractTask, Splits, SyntheticSplits  # noqa: E402


__all__ = ["TASKS", "AbstractForecast", "AbstractTask", "Splits", "SyntheticSplits"]
