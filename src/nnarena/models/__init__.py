"""Contenders: one file each, found by the registry `MODELS`."""

from ..core.registry import Registry


MODELS = Registry("model", package="nnarena.models")

from .base import (  # noqa: E402
    AbstractCalibrated,
    AbstractCell,
    AbstractFold,
    AbstractLayer,
    AbstractModel,
)


__all__ = [
    "MODELS",
    "AbstractCalibrated",
    "AbstractCell",
    "AbstractFold",
    "AbstractLayer",
    "AbstractModel",
]
