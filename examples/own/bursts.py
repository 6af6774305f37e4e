"""Were there many bursts? Counting events, of which the wanted class is rare."""

import balanced  # registers the metric that the task names  # noqa: F401
import jax

import nnarena


@nnarena.TASKS.register("bursts", family="counting", source="recordings, imitated")
class Bursts(nnarena.AbstractTask):
    """One step in 20 is a burst of 1: 0.1 1.2 -0.2 ... -> 1 if 4 or more, else 0.

    1 holds of 14 in 100 sequences of 40 steps. Chance 1/2: of one class all are found.
    """

    signature = nnarena.Signature(nnarena.Features(1), nnarena.Classes(2))
    scoring = nnarena.Scoring(
        metric="balanced accuracy",
        higher_is_better=True,
        chance=0.5,
        best=1.0,
        solved=0.9,
        class_weights=nnarena.inverse_frequencies((86, 14)),
    )

    def splits(self, data, *, key):
        return nnarena.SyntheticSplits().draw(key=key)

    def example(self, row):
        when, noise = jax.random.split(row)
        bursts = jax.random.bernoulli(when, 0.05, (40, 1)).astype(float)
        xs = bursts + 0.1 * jax.random.normal(noise, (40, 1))
        return nnarena.Example(nnarena.Sequence(xs), (bursts.sum() >= 4).astype(int))
