"""What Pascanu's regularizer costs: updates with it and without, in turns.

    benchmarks/omega.py [T BATCH HIDDEN] [CONTENDER ...]

Full training steps on one core. Prints CPU milliseconds of each and their ratio to the
plain step: median and quartiles of pairs.
"""

import argparse
import os
import sys

from nnarena.suite.birth import birth_environment


if "MALLOC_ARENA_MAX" not in os.environ:  # to be born as a suite's worker is
    os.execve(sys.executable, [sys.executable, *sys.argv], birth_environment())

import numpy as np

from nnarena.models.contender import Contender
from nnarena.suite.training_step import Size, TrainingStep, cpu_seconds
from nnarena.suite.worker import pin_to_core


ROUNDS = 9


def main() -> None:
    """Prints a line per contender and step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", metavar="CONTENDER or number")
    words = parser.parse_args().words
    pin_to_core(0)  # or threads that wait for work would be counted as work
    numbers = [int(word) for word in words if word.isdigit()] or [100, 20, 50]
    names = [word for word in words if not word.isdigit()] or ["elman", "gru"]
    size = Size(*numbers)
    print(f"contender     step        ms   to plain             {size}")
    for name in names:
        steps = {
            "plain": TrainingStep(Contender(name), size),
            "omega": TrainingStep(Contender(name), size, penalties={"omega": 1.0}),
        }
        count = max(1, round(0.2 / cpu_seconds(steps["plain"].run, 1)))
        rounds = [
            {step: cpu_seconds(made.run, count) for step, made in steps.items()}
            for _ in range(ROUNDS)
        ]
        for step in steps:
            ratios = [row[step] / row["plain"] for row in rounds]
            low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
            ms = 1e3 * np.median([row[step] for row in rounds])
            spread = f"{middle:.2f} [{low:.2f}, {high:.2f}]"
            print(f"{name:12s}  {step:6s} {ms:7.2f}   {spread}", flush=True)


if __name__ == "__main__":
    main()
