"""Trainers: pure functions from keys to trained models; no clock, no files."""

from ..core.registry import Registry


TRAINERS = Registry("trainer", "nnarena.training")
PENALTIES = Registry("penalty", "nnarena.training")
