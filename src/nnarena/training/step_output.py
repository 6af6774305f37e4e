"""How the output of a cell's step depends on the state that the step leaves.

A step gives both at once. Of most cells the output is an array of that state, of others
a function of it: a part, a sum, a linear map. Which one is read off the step's trace:

    found, x, dt --> ... --> left --> ... --> h
                             ^^^^^^^^^^^^^^^^^^ what is differentiated here
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Var, jaxpr_as_fun
from jaxtyping import Array

from ..core.types import Scalar, State
from ..models.base import AbstractCell


def output_pulled_back(
    cell: AbstractCell, found: State, x: Array, dt: Scalar, left: State, output: Array
) -> State | None:
    """Returns a covector of the output of one step as one of the state that it left.

    None if the output is not a function of that state, but depends on the one before in
    another way too. The cell is resolved.
    """
    read = _from_left(jax.make_jaxpr(cell)(found, x, dt), left)
    if read is None:
        return None
    moving, fixed = eqx.partition(left, eqx.is_inexact_array)

    def h(moving: State) -> Array:
        return read(eqx.combine(moving, fixed), x, dt)

    return jax.vjp(h, moving)[1](output)[0]


def _from_left(traced: ClosedJaxpr, state: State) -> Callable[..., Array] | None:
    """Returns the output as a function of the state left, x and dt; None if it is none.

    Args:
        traced: a step, from the leaves of a state, x and dt to those of one and h.
        state: of the form of the cell's.
    """
    jaxpr, count = traced.jaxpr, len(jax.tree.leaves(state))
    *left, h = jaxpr.outvars
    cuts = {var: place for place, var in enumerate(left) if not _is_fixed(var, jaxpr)}
    steps, needed = _leading_to(h, jaxpr, set(cuts))
    found, inputs = jaxpr.invars[:count], jaxpr.invars[count:]
    outside = {var for step in steps for var in step.outvars} & cuts.keys()
    if outside or not needed.isdisjoint(found):
        return None
    free = [(place, var) for place, var in enumerate(inputs) if var not in cuts]
    after = jaxpr.replace(
        invars=[*cuts, *(var for _, var in free)],
        outvars=[h],
        eqns=steps,
        debug_info=jaxpr.debug_info.with_unknown_names(),
    )
    function = jaxpr_as_fun(ClosedJaxpr(after, traced.consts))

    def read(state: State, *inputs: Array) -> Array:
        leaves = jax.tree.leaves(state)
        given = [leaves[place] for place in cuts.values()]
        return function(*given, *(inputs[place] for place, _ in free))[0]

    return read


def _leading_to(h: Any, jaxpr: Jaxpr, cuts: set[Var]) -> tuple[list[Any], set[Var]]:
    """Returns what leads from cuts to an output, in order, and the variables it reads.

    Those that are cuts are none of these.
    """
    needed = {h} - cuts if isinstance(h, Var) else set()
    steps = []
    for step in reversed(jaxpr.eqns):
        if needed.isdisjoint(step.outvars):
            continue
        steps.append(step)
        needed |= {var for var in step.invars if isinstance(var, Var)} - cuts
    return steps[::-1], needed


def _is_fixed(var: Any, jaxpr: Jaxpr) -> bool:
    """Whether a number of a trace is a constant of it."""
    return not isinstance(var, Var) or var in jaxpr.constvars
