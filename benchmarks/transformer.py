"""What two habits are worth to a transformer's training step.

    benchmarks/transformer.py [T BATCH HIDDEN]

The step as it is, in turns with the same step whose maps are `jax.vmap(linear)`,
vectors on the right, and with both forms of its attention. Prints CPU milliseconds, the
ratio to the step as it is (median and quartiles of pairs) and the megabytes that the
program asks for.
"""

import os
import sys

from nnarena.suite.birth import birth_environment


if "MALLOC_ARENA_MAX" not in os.environ:  # to be born as a suite's worker is
    os.execve(sys.executable, [sys.executable, *sys.argv], birth_environment())

import contextlib
from unittest import mock

import jax
import numpy as np

from nnarena.models import encoder, sequence
from nnarena.models.contender import Contender
from nnarena.nn import attention, self_attention
from nnarena.suite.training_step import Size, TrainingStep, cpu_seconds


ROUNDS = 7
FORMS = {"examples one by one": 1, "all examples at once": float("inf")}


def on_the_right(linear, xs):
    """The map of a sequence as one writes it with Equinox."""
    return jax.vmap(linear)(xs)


def steps(size: Size) -> dict[str, TrainingStep]:
    """Returns the compiled training steps."""
    made = {"as it is": TrainingStep(Contender("transformer"), size)}
    with contextlib.ExitStack() as patches:
        for module in (self_attention, encoder, sequence):
            patch = mock.patch.object(module, "affine", on_the_right)
            patches.enter_context(patch)
        made["vectors on the right"] = TrainingStep(Contender("transformer"), size)
    for form, pairs in FORMS.items():
        with mock.patch.object(attention, "MANY_PAIRS", pairs):
            made[form] = TrainingStep(Contender("transformer"), size)
    return made


def main() -> None:
    """Prints a line per form."""
    size = Size(*(int(word) for word in sys.argv[1:4] or (200, 32, 64)))
    made = steps(size)
    count = max(1, round(0.2 / max(cpu_seconds(step.run, 1) for step in made.values())))
    rounds = [
        {form: cpu_seconds(step.run, count) for form, step in made.items()}
        for _ in range(ROUNDS)
    ]
    print(f"form                        ms   to as it is          MB   {size}")
    for form, step in made.items():
        ratios = [row[form] / row["as it is"] for row in rounds]
        low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        ms = 1e3 * np.median([row[form] for row in rounds])
        spread = f"{middle:.2f} [{low:.2f}, {high:.2f}]"
        print(f"{form:20s} {ms:9.1f}   {spread} {(step.bytes or 0) / 1e6:9.0f}")


if __name__ == "__main__":
    main()
