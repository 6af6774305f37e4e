"""The command `arena`: the only place that prints or exits."""

from .app import app


__all__ = ["app"]
