"""Counting the work in a traced program."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from jax.extend.core import ClosedJaxpr, Jaxpr


Measure = Callable[[Any], int]
"""What one equation of a program counts for, its subprograms aside."""


class Work(NamedTuple):
    """How much a program does: in matrix products, and of results of operations.

    A loop's body counts as often as it runs. Where that, or which branch is taken, is
    decided while the program runs, the body counts once and the dearest branch counts:
    then `exact` is false.
    """

    matmul_flops: int
    elements: int
    exact: bool

    @property
    def exact_matmul_flops(self) -> int | None:
        """The multiplications and additions of matrix products, if that is exact."""
        return self.matmul_flops if self.exact else None

    def times(self, count: int) -> "Work":
        """Returns the work of doing it `count` times."""
        return Work(count * self.matmul_flops, count * self.elements, self.exact)


def work(jaxpr: ClosedJaxpr | Jaxpr) -> Work:
    """Returns the work of a traced program."""
    flops, exact = total(jaxpr, _dot_flops)
    return Work(
        matmul_flops=flops,
        elements=total(jaxpr, _elements)[0],
        exact=exact,
    )


def matmul_flops(jaxpr: ClosedJaxpr | Jaxpr) -> int | None:
    """Returns the multiplications and additions of all matrix products, if exact.

    Element-wise work is not counted. None where a matrix product stands in a loop
    whose length, or a branch whose choice, is decided while the program runs.
    """
    return work(jaxpr).exact_matmul_flops


def total(jaxpr: ClosedJaxpr | Jaxpr, measure: Measure) -> tuple[int, bool]:
    """Returns the sum of a measure over a program, and whether it is exact."""
    inner = jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr
    counts = [_count(equation, measure) for equation in inner.eqns]
    return sum(count for count, _ in counts), all(exact for _, exact in counts)


def _count(equation: Any, measure: Measure) -> tuple[int, bool]:
    name = equation.primitive.name
    if name == "conv_general_dilated" or "callback" in name:
        return measure(equation), False  # products that are not counted here
    parts = [total(sub, measure) for sub in _subprograms(equation)]
    if not parts:
        return measure(equation), True
    counts, exact = [count for count, _ in parts], all(exact for _, exact in parts)
    if name == "cond":
        return max(counts), exact and len(set(counts)) == 1
    if name == "while":
        return sum(counts), exact and sum(counts) == 0
    repeated = equation.params["length"] if name == "scan" else 1
    return repeated * sum(counts), exact


def _dot_flops(equation: Any) -> int:
    if equation.primitive.name != "dot_general":
        return 0
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    result = equation.outvars[0].aval.shape
    depth = math.prod(left[axis] for axis in contracted)
    return 2 * math.prod(result) * depth


def _elements(equation: Any) -> int:
    shapes = [getattr(result.aval, "shape", ()) for result in equation.outvars]
    return sum(math.prod(shape) for shape in shapes)


def _subprograms(equation: Any) -> list[ClosedJaxpr | Jaxpr]:
    found = []
    for value in equation.params.values():
        members = value if isinstance(value, tuple | list) else (value,)
        found += [m for m in members if isinstance(m, ClosedJaxpr | Jaxpr)]
    return found
