"""Counting the work in a traced program."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from jax.extend.core import ClosedJaxpr, Jaxpr


Measure = Callable[[Any], int | None]
"""What one equation of a program counts for, its subprograms aside."""


class Work(NamedTuple):
    """How much a program does: of matrix products, of results, of operations.

    `matmul_flops` is None where the count would not be exact: a matrix product in a
    loop whose length is decided while it runs. The others count such a loop once.
    """

    matmul_flops: int | None
    elements: int
    operations: int

    def times(self, count: int) -> "Work":
        """Returns the work of doing it `count` times."""
        flops = None if self.matmul_flops is None else self.matmul_flops * count
        return Work(flops, self.elements * count, self.operations * count)


def work(jaxpr: ClosedJaxpr | Jaxpr) -> Work:
    """Returns the work of a traced program."""
    return Work(
        matmul_flops=matmul_flops(jaxpr),
        elements=_total(jaxpr, _elements, loops=1) or 0,
        operations=_total(jaxpr, lambda equation: 1, loops=1) or 0,
    )


def matmul_flops(jaxpr: ClosedJaxpr | Jaxpr) -> int | None:
    """Returns the multiplications and additions of all matrix products.

    A loop's body counts as often as it runs. Element-wise work is not counted. None
    where the count would not be exact: a loop whose length is decided while it runs.
    """
    return _total(jaxpr, _dot_flops, loops=None)


def _total(
    jaxpr: ClosedJaxpr | Jaxpr, measure: Measure, *, loops: int | None
) -> int | None:
    """Returns the sum of a measure; a loop of unknown length counts `loops` times."""
    inner = jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr
    total = 0
    for equation in inner.eqns:
        count = _count(equation, measure, loops)
        if count is None:
            return None
        total += count
    return total


def _count(equation: Any, measure: Measure, loops: int | None) -> int | None:
    subprograms = _subprograms(equation)
    if not subprograms:
        return measure(equation)
    counts = [_total(sub, measure, loops=loops) for sub in subprograms]
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        return None
    name = equation.primitive.name
    if name == "cond":  # one branch runs: the dearest is what it may cost
        return max(known)
    if name == "scan":
        return sum(known) * equation.params["length"]
    if name == "while":
        return 0 if not sum(known) else None if loops is None else sum(known) * loops
    return sum(known)


def _dot_flops(equation: Any) -> int | None:
    name = equation.primitive.name
    if name == "conv_general_dilated":
        return None
    if name != "dot_general":
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
