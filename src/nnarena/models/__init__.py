"""Contenders: one file each, found by the registry `MODELS`."""

from ..core.registry import Registry


MODELS = Registry("model", package="nnarena.models")

from .base import AbstractCell, AbstractFold, AbstractLayer, AbstractModel  # noqa: E402


__all__ = [
    "MODELS",
    "AbstractCell",
    "AbstractFold",
    "AbstractLayer",
    "AbstractModel",
]
