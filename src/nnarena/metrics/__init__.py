"""Metrics: how answers are scored, found by the registry `METRICS`."""

from ..core.registry import Registry


METRICS = Registry("metric", package="nnarena.metrics")

from .base import AbstractMean, AbstractMetric, Mean  # noqa: E402


__all__ = ["METRICS", "AbstractMean", "AbstractMetric", "Mean"]
