"""Counting the arithmetic of matrix products in a traced program."""

import math
from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr


def matmul_flops(jaxpr: ClosedJaxpr | Jaxpr) -> int | None:
    """Returns the multiplications and additions of all matrix products.

    A loop's body counts as often as it runs. Element-wise work is not counted. None
    where the count would not be exact: a loop whose length is decided while it runs.
    """
    inner = jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr
    total = 0
    for equation in inner.eqns:
        count = _equation_flops(equation)
        if count is None:
            return None
        total += count
    return total


def _equation_flops(equation: Any) -> int | None:
    name = equation.primitive.name
    if name == "dot_general":
        return _dot_flops(equation)
    if name == "conv_general_dilated":
        return None
    if name == "cond":
        counts = [matmul_flops(branch) for branch in equation.params["branches"]]
        known = [count for count in counts if count is not None]
        return max(known) if len(known) == len(counts) else None
    counts = [matmul_flops(sub) for sub in _subprograms(equation)]
    if any(count is None for count in counts):
        return None
    inside = sum(count for count in counts if count is not None)
    if name == "while" and inside:
        return None
    return inside * equation.params["length"] if name == "scan" else inside


def _dot_flops(equation: Any) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    result = equation.outvars[0].aval.shape
    depth = math.prod(left[axis] for axis in contracted)
    return 2 * math.prod(result) * depth


def _subprograms(equation: Any) -> list[ClosedJaxpr | Jaxpr]:
    found = []
    for value in equation.params.values():
        members = value if isinstance(value, tuple | list) else (value,)
        found += [m for m in members if isinstance(m, ClosedJaxpr | Jaxpr)]
    return found
