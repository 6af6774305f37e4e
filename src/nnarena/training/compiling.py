"""How the programs of a run are compiled: who sums, and well or quickly."""

import math
from typing import Any, Literal

from jax.extend.core import ClosedJaxpr

from ..core.compiling import OLDER_KERNELS, RUN_ONCE, SOONEST, Options, known
from .flops import total


Compiled = Literal["well", "quickly"]
"""What counts: the time of a step, or the time until the first one."""

QUICKLY: Options = {"xla_backend_optimization_level": "1", **OLDER_KERNELS}
"""For a run so short that it would end before its program is compiled well."""


OWN_SUMS: Options = {
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"
}
"""Sums by XLA's own loops instead of YNNPACK's, to which it leaves them on a CPU.

YNNPACK sums long rows in about half the time, but takes up to twice as long or more
for sums of few numbers (`benchmarks/sums.py`).
"""

MANY = 32
"""Numbers of a row from which on YNNPACK is faster; a column needs about a hundred."""

SUMS = {"reduce_sum", "reduce_max", "reduce_min", "reduce_prod"}


def sum_options(step: ClosedJaxpr) -> Options:
    """Returns who is to sum in a program that consists of such training steps.

    XLA where by far most numbers are added up a few at a time: what it loses with the
    others, a softmax's above all, is more than it gains. Only the step's trace is
    asked, so that every worker compiles the same program.
    """
    few, _ = total(step, _added_up_by_few)
    many, _ = total(step, _added_up_by_many)
    return known(OWN_SUMS) if few > 4 * many else {}


def step_options(step: ClosedJaxpr, compiled: Compiled) -> Options:
    """Returns how to compile a program that consists of such training steps."""
    return {**sum_options(step), **(known(QUICKLY) if compiled == "quickly" else {})}


def start_options(compiled: Compiled) -> Options:
    """Returns how to compile what makes the first weights."""
    return SOONEST if compiled == "quickly" else RUN_ONCE


def _added_up_by_few(equation: Any) -> int:
    numbers, sums = _sizes(equation)
    return numbers if numbers < MANY * sums else 0


def _added_up_by_many(equation: Any) -> int:
    numbers, sums = _sizes(equation)
    return numbers if numbers >= MANY * sums else 0


def _sizes(equation: Any) -> tuple[int, int]:
    """Returns how many numbers are added up to how many sums; no other operation is."""
    if equation.primitive.name not in SUMS:
        return 0, 0
    (numbers, *_), (sums,) = equation.invars, equation.outvars
    return math.prod(numbers.aval.shape), math.prod(sums.aval.shape)
