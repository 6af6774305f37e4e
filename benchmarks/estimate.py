"""The prices of `arena plan`, fitted to a folder of results.

    python benchmarks/estimate.py results

Prints `PRICES` for src/nnarena/suite/estimate.py and, per program, what was estimated
over what was measured. Fit them to `arena run quick` on a quiet machine. The fit
minimizes relative errors, with no price below zero.
"""

import sys
from collections import defaultdict
from statistics import median

import numpy as np
from scipy.optimize import nnls

from nnarena.runs.store import DirectoryStore
from nnarena.suite.estimate import Estimator, Prices, reference_loop
from nnarena.suite.plan import Job
from nnarena.suite.provenance import data_folder


def main(results: str) -> None:
    """Fits and prints."""
    groups = defaultdict(list)
    estimator = Estimator([], data_folder())
    for record in DirectoryStore(results):
        job = Job(
            identity=record.identity,
            family=record.family,
            parameters=record.result.parameters or 0,
            scoring=record.scoring,
        )
        groups[job.program].append((job, record))
    works, seconds, compiled, names = [], [], [], []
    for runs in groups.values():
        job, _ = runs[0]
        work = estimator.work(job)
        works.append([work.elements, work.matmul_flops])
        seconds.append(median(record.cost.run_seconds for _, record in runs))
        compiled.append(max(record.cost.compile_seconds for _, record in runs))
        names.append(f"{job.identity.model.name} on {job.identity.task.name}")
    matrix, measured = np.array(works, float), np.array(seconds)
    (element, flop), _ = nnls(matrix / measured[:, None], np.ones(len(names)))
    prices = Prices(
        element=float(element),
        flop=float(flop),
        compile=median(compiled),
        reference_loop=reference_loop(),
    )
    print(prices)
    estimated = matrix @ [element, flop]
    for name, guess, truth in zip(names, estimated, measured, strict=True):
        print(f"{name:28s} {guess:7.1f} s / {truth:7.1f} s = {guess / truth:.2f}")


if __name__ == "__main__":
    main(sys.argv[1])
