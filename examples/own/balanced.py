"""Balanced accuracy: a class counts as much as any other, however rare it is."""

import jax
import jax.numpy as jnp

import nnarena


@nnarena.METRICS.register("balanced accuracy", family="share", source="Brodersen 2010")
class BalancedAccuracy(nnarena.AbstractMetric):
    """The share of each class's answers that are right, mean over the classes."""

    judges = (nnarena.Classes,)
    outputs: nnarena.Classes

    def statistics(self, answers, targets, counts):
        right = counts & (answers.argmax(-1) == targets)
        classes = jax.nn.one_hot(targets, self.outputs.size)
        found = jnp.stack([right, counts]).astype(float)
        return jnp.tensordot(found, classes, counts.ndim)

    def score(self, statistics):
        right, there = statistics
        shares = jnp.sum(right / there, where=there > 0)
        return nnarena.Mean(shares, jnp.sum(there > 0, dtype=float))
