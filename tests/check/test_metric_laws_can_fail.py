"""Every law of metrics is broken by a metric made to break it."""

from typing import ClassVar

import jax.numpy as jnp
import pytest

from nnarena.check import METRIC_LAWS, MetricCase, check_metric, judge
from nnarena.core.types import Values
from nnarena.metrics import METRICS, AbstractMetric, Mean


def miss(answers, targets):
    return jnp.abs(answers - targets).sum(axis=-1)


def flawed(flaw: str) -> type:
    class Flawed(AbstractMetric):
        """A mean miss, with a flaw."""

        judges: ClassVar = (Values,)
        collects: ClassVar = flaw == "order"
        outputs: Values

        def statistics(self, answers, targets, counts):
            misses = jnp.where(counts | (flaw == "counts"), miss(answers, targets), 0.0)
            return Mean(misses.sum(), counts.sum(dtype=float))

        def score(self, statistics):
            if flaw == "order":
                early = statistics.total[:12].sum()
                return Mean(early, statistics.weight.sum())
            if flaw == "merges":
                return Mean(statistics.total, jnp.sign(statistics.weight))
            if flaw == "finite":
                return Mean(jnp.log(0.0 * statistics.total), statistics.weight)
            if flaw == "runs":
                return statistics.total
            more = 1e-3 if flaw == "nothing" else 0.0
            return Mean(statistics.total, statistics.weight + more)

    return Flawed


@pytest.mark.parametrize("flaw", ["", "counts", "order", "merges", "finite", "nothing"])
def test_a_flaw_breaks_its_law(enter, flaw):
    enter(METRICS, flawed(flaw))
    case = MetricCase("flawed")
    verdicts = [judge(law, case) for law in METRIC_LAWS]
    broken = [v.law for v in verdicts if v.passed is not True]
    also = {"order": ["merges"], "counts": [], "nothing": ["merges"]}
    assert set(broken) - set(also.get(flaw, [])) == ({flaw} if flaw else set())


def test_what_is_no_metric_is_told_with_file_and_line(enter):
    enter(METRICS, flawed("runs"))
    first, *_ = check_metric("flawed")
    assert first.passed is False
    assert "test_metric_laws_can_fail.py, line" in first.detail
    assert "expected is an nnarena.Mean of a total and a weight" in first.detail


@pytest.mark.parametrize("name", [entry.name for entry in METRICS])
def test_every_metric_of_the_package_holds(name):
    broken = {v.law: v.detail for v in check_metric(name) if v.passed is not True}
    assert broken == {}
