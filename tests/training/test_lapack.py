"""No training step calls LAPACK in a loop, or for a batch; steps are traced, never run.

On a CPU a batched call of LAPACK shares its matrices among the threads of the process.
Two that run at once may wait for each other for ever (`tests/core/test_compiling.py`),
and in a loop over time one would be called at every step. What is called once per
sequence factors ONE matrix, a weight: it has no axis of examples, LAPACK keeps it on
the thread that calls, and its cost does not grow with the length.

Not held to this: the setting `solver = "kvaerno5"`, whose implicit steps solve for
every example; on the one thread that a process has they cannot wait for each other.
"""

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any, get_args

import jax
import pytest
from jax.extend.core import ClosedJaxpr, Jaxpr

from nnarena.models import MODELS
from nnarena.models.contender import Contender
from nnarena.nn.unitary import MapName
from nnarena.tasks.add import Add
from nnarena.training.gradient_descent import GradientDescent


LAPACK = {
    *("cholesky", "eig", "eigh", "geqrf", "geqp3", "hessenberg", "householder_product"),
    *(
        "lu",
        "lu_pivots_to_permutation",
        "ormqr",
        "qr",
        "schur",
        "svd",
        "symmetric_product",
    ),
    *("triangular_solve", "tridiagonal", "tridiagonal_solve"),
}
LOOPS = {"scan", "while"}

ONCE = {
    "pade": {"lu", "triangular_solve"},
    "cayley": {"lu", "triangular_solve"},
    "householder": {"triangular_solve"},
}
"""What maps to unitary matrices call once per sequence; nothing else calls anything."""

ON_A_MAP = {"scaled_cayley": "cayley"}
"""Contenders that stand on one of those maps, unless told otherwise."""

Call = tuple[str, bool, int]


def calls(program: ClosedJaxpr | Jaxpr, *, looped: bool = False) -> Iterator[Call]:
    """Returns each call of LAPACK: its name, if it is looped, the matrix's axes."""
    inner = program.jaxpr if isinstance(program, ClosedJaxpr) else program
    for equation in inner.eqns:
        name = equation.primitive.name
        if name in LAPACK and name != "lu_pivots_to_permutation":
            matrix: Any = equation.invars[0].aval
            yield name, looped, matrix.ndim
        for part in parts(tuple(equation.params.values())):
            yield from calls(part, looped=looped or name in LOOPS)


def parts(value: Any) -> Iterator[ClosedJaxpr | Jaxpr]:
    """Returns the programs within an equation's settings, at any depth of tuples."""
    if isinstance(value, ClosedJaxpr | Jaxpr):
        yield value
    elif isinstance(value, tuple | list):
        for member in value:
            yield from parts(member)


def calls_of_step(name: str, **settings: Any) -> set[Call]:
    """Returns the calls of a contender's training step on a batch of `add`."""
    task = Add(length=12)
    build = partial(build_contender, Contender(name, settings), task)
    descent = GradientDescent(batch=4).descent(build, task)
    rows = jax.random.split(jax.random.key(0), 4)
    return set(calls(descent.trace_step(rows)))


def build_contender(contender: Contender, task: Add, key: jax.Array):
    """Returns a small model for the task."""
    return contender.build(task.signature, 8, key=key)


PLAYING = [entry.name for entry in MODELS if entry.name != "supervised_memory_network"]
"""Contenders that play such a task; of the other, sentences have to be named."""


@pytest.mark.parametrize("name", PLAYING)
def test_no_step_of_a_contender_calls_lapack_but_one_of_such_a_map(name: str):
    if name.startswith("torch") and find_spec("torch") is None:
        pytest.skip("torch is not installed")
    found = calls_of_step(name)
    assert {(looped, axes) for _, looped, axes in found} <= {(False, 2)}
    assert {called for called, *_ in found} == ONCE.get(ON_A_MAP.get(name, ""), set())


@pytest.mark.parametrize("map_name", get_args(MapName))
def test_a_unitary_map_factors_one_matrix_per_sequence(map_name: str):
    found = calls_of_step("exp_unitary", map=map_name, start="random")
    assert {(looped, axes) for _, looped, axes in found} <= {(False, 2)}
    assert {name for name, *_ in found} == ONCE.get(map_name, set())


def test_the_search_sees_loops_and_batches():
    def solve(a, b):
        return jax.scipy.linalg.solve_triangular(a, b)

    def over_time(a, b):
        return jax.lax.scan(lambda b, _: (jax.vmap(solve)(a, b), None), b, length=3)

    def general(a, b):
        return jax.numpy.linalg.solve(a, b)

    a, b = jax.numpy.ones((5, 2, 2)), jax.numpy.ones((5, 2, 1))
    assert set(calls(jax.make_jaxpr(over_time)(a, b))) == {
        ("triangular_solve", True, 3)
    }
    found = set(calls(jax.make_jaxpr(general)(a[0], b[0])))
    assert found == {("lu", False, 2), ("triangular_solve", False, 2)}
