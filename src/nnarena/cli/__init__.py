"""The command `arena`: the only place that prints or exits."""

from . import measuring as measuring  # enters its commands
from .app import app


__all__ = ["app"]
