"""Programs of one thread: everywhere compiled so, and never waiting for themselves."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import nnarena
from nnarena.core.compiling import (
    AS_THE_PROCESS,
    FOR_LAWS,
    RUN_ONCE,
    SOONEST,
    filter_jit,
    jit,
    known,
)


SOURCES = Path(nnarena.__file__).parent
HELPER = SOURCES / "core" / "compiling.py"
COMPILERS = {"jit", "pjit", "pmap", "filter_jit", "filter_pmap"}

TWO_SOLVES = """
import nnarena
import jax, jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

def loss(a, b):
    lower = jnp.eye(16) + jnp.tril(a, -1)
    return jnp.sum(jnp.sin(solve_triangular(lower, b, lower=True)))

keys = jax.random.split(jax.random.key(0))
a = 0.1 * jax.random.normal(keys[0], (1664, 16, 16))
b = jax.random.normal(keys[1], (1664, 16, 32))
slope = jax.jit(
    jax.value_and_grad(lambda a, b: jnp.sum(jax.vmap(loss)(a, b)), argnums=(0, 1))
)
for _ in range(150):
    jax.block_until_ready(slope(a, b))
"""


def compiling(path: Path) -> Iterator[str]:
    """Returns where a source takes a compiling function from JAX or Equinox."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found = node.value.id in {"jax", "eqx"} and node.attr in COMPILERS
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = {alias.name for alias in node.names}
            package = (node.module or "").split(".")[0]
            found = package in {"jax", "equinox"} and bool(names & COMPILERS)
        else:
            continue
        if found:
            yield f"{path.relative_to(SOURCES)}:{node.lineno}"


def test_only_the_helper_compiles():
    paths = sorted(set(SOURCES.rglob("*.py")) - {HELPER})
    assert [place for path in paths for place in compiling(path)] == []
    assert len(list(compiling(HELPER))) == 4  # the search finds those that there are


def test_an_option_that_xla_does_not_have_is_left_out():
    assert known({**SOONEST, "xla_cpu_of_next_year": True}) == SOONEST


@pytest.mark.parametrize("options", [RUN_ONCE, SOONEST, FOR_LAWS, AS_THE_PROCESS])
def test_what_is_compiled_computes(options):
    doubled = jit(lambda x: 2.0 * x, options)(jnp.ones(3))
    named = filter_jit(lambda x, name: (2.0 * x, name), options)(jnp.ones(3), "two")
    np.testing.assert_array_equal(doubled, named[0])
    assert named[1] == "two"


def run(script: str, **environment: str) -> str:
    """Returns what a script says in an environment without a number of threads."""
    given = {name: value for name, value in os.environ.items() if name != "NPROC"}
    finished = subprocess.run(
        [sys.executable, "-c", script],
        env={**given, **environment},
        timeout=240,
        check=True,
        capture_output=True,
        text=True,
    )
    return finished.stdout.strip()


def test_a_process_has_one_thread_unless_its_user_says_otherwise():
    script = "import nnarena, os; print(os.environ['NPROC'])"
    assert run(script) == "1"
    assert run(script, NPROC="3") == "3"


@pytest.mark.slow
def test_batched_solves_that_run_at_once_do_not_wait_for_each_other():
    """On two threads this hangs within about fifty turns, with no processor used."""
    run(TWO_SOLVES, XLA_FLAGS="")
