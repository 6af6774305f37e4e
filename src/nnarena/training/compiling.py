"""Who sums in a compiled program: XLA's own loops or YNNPACK."""

import functools
import math
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr

from ..core.compiling import Options, jit
from .flops import total


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
    return OWN_SUMS if few > 4 * many and _known() else {}


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


@functools.cache
def _known() -> bool:
    """Returns whether this version of XLA has the option, which is an experiment's."""
    try:
        jit(lambda: 0.0).lower().compile(compiler_options=OWN_SUMS)
    except jax.errors.JaxRuntimeError:
        return False
    return True
